/**
 * Whether a glob matches a name: `*` stands for any characters of one segment, `?` for one of them, and a segment
 * `**` for any number of segments, none too. Segments are separated by `/`; all other characters stand for themselves.
 * Takes time in proportion to both lengths at worst.
 */
export function matchesGlob(glob: string, name: string): boolean {
  const [wanted, segments] = [glob.split('/'), name.split('/')]
  let [p, i] = [0, 0]
  // What was passed with an earlier star needs no second look: the latest one can make up for it.
  let star: { readonly p: number; i: number } | undefined
  while (i < segments.length) {
    const pattern = wanted[p]
    if (pattern === '**') star = { p: ++p, i }
    else if (pattern !== undefined && matchesSegment(pattern, segments[i] ?? '')) {
      p += 1
      i += 1
    } else if (star !== undefined) {
      p = star.p
      i = ++star.i
    } else return false
  }
  return wanted.slice(p).every((pattern) => pattern === '**')
}

/** The same way, by characters. */
function matchesSegment(pattern: string, segment: string): boolean {
  let [p, i] = [0, 0]
  let star: { readonly p: number; i: number } | undefined
  while (i < segment.length) {
    const wanted = pattern.charCodeAt(p)
    if (wanted === asterisk) star = { p: ++p, i }
    else if (wanted === question) {
      p += 1
      i += (segment.codePointAt(i) ?? 0) > 0xffff ? 2 : 1
    } else if (wanted === segment.charCodeAt(i)) {
      p += 1
      i += 1
    } else if (star !== undefined) {
      p = star.p
      i = ++star.i
    } else return false
  }
  while (pattern.charCodeAt(p) === asterisk) p += 1
  return p === pattern.length
}

const [asterisk, question] = [42, 63]
