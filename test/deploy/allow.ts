/** Allows what the doctor asks for, as the demo's person does in a browser: `node allow.ts <the address that it printed>`. */

const [, , url = ""] = process.argv
const page = await fetch(url)
const html = await page.text()
const fieldOf = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? ""
const cookie = page.headers
  .getSetCookie()
  .map((one) => one.split(";")[0])
  .join("; ")
const decided = await fetch(new URL("/authorize/decision", url), {
  method: "POST",
  redirect: "manual",
  headers: { cookie },
  body: new URLSearchParams({
    transaction: fieldOf("transaction"),
    csrf_token: fieldOf("csrf_token"),
    decision: "approve"
  })
})
const back = decided.headers.get("location")
if (back === null) throw new Error(`nobody was led back: ${decided.status}`)
await fetch(back)
