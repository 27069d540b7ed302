/** Whoever connects while the server has no owner yet; a person's subject is their id. */
export const DEMO_SUBJECT = "demo"
