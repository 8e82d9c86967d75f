type Kind<T> = abstract new () => T

/** The element of the page that the selector names. */
export function find<T extends Element>(selector: string, kind: Kind<T>, within: ParentNode = document): T {
  const found = within.querySelector(selector)
  if (found instanceof kind) return found
  throw new Error(`Cannot find ${selector}: expected an ${kind.name}, found ${found}`)
}

/** The input of a form that has the name. */
export const inputOf = (form: HTMLFormElement, name: string): HTMLInputElement =>
  find(`[name=${name}]`, HTMLInputElement, form)

/** An element with its attributes and children. */
export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Partial<HTMLElementTagNameMap[T]>,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[T] {
  const element = Object.assign(document.createElement(tag), attributes)
  element.append(...children)
  return element
}
