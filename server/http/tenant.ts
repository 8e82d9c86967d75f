/** Whose sessions and chains a request is about. There are no keys yet, so all are of one tenant. */
export const tenant = 'public'
