export const snapshots: ReadonlyMap<string, { readonly date: string; readonly document: unknown }> = new Map()
