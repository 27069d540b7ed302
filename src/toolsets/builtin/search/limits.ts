/** A model's context is finite, and clients cut results themselves from some 100,000 characters on. */
export const MAX_TEXT = 60_000
