import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { layer as Tools } from "../../src/toolsets/builtin/builtin.ts"
import { searchWeb } from "../../src/toolsets/builtin/search/searchWeb.ts"
import { started } from "../support/toolset.ts"
import { type Answering, answerJson, upstream } from "../support/upstream.ts"

const KEY = "key-canary-0123456789"

/** The tool over a stub: `variables` may say `{url}`. */
const search = Effect.fn("search")(function* (answer: Answering, variables: Readonly<Record<string, string>>) {
  const stub = yield* upstream(answer)
  const config = ServerConfig.layerOf(
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value.replace("{url}", stub.url)]))
  )
  const context = yield* Layer.build(Tools.pipe(Layer.provide(PublicWeb.layer), Layer.provide(config)))
  const call = (args: unknown) => Effect.provide(started(searchWeb, args), context)
  return { call, stub }
})

// The shapes are those of the providers' own documentation.
const providers = {
  brave: {
    variables: { BRAVE_API_KEY: KEY, SEARCH_BASE_URL: "{url}" },
    service: "Brave Search",
    asks: "GET /res/v1/web/search?q=effect+system&count=2&result_filter=web&text_decorations=false",
    header: ["x-subscription-token", KEY],
    answer: {
      type: "search",
      query: { original: "effect system", more_results_available: true },
      web: {
        type: "search",
        results: [
          {
            title: "Effect",
            url: "https://effect.website/",
            description: "Effect is <strong>TypeScript</strong>",
            is_source_local: false
          },
          { title: "Second", url: "https://example.org/2", description: null }
        ],
        family_friendly: true
      }
    }
  },
  tavily: {
    variables: { TAVILY_API_KEY: KEY, SEARCH_BASE_URL: "{url}/" },
    service: "Tavily",
    asks: "POST /search",
    body: { query: "effect system", max_results: 2 },
    header: ["authorization", `Bearer ${KEY}`],
    answer: {
      query: "effect system",
      answer: null,
      images: [],
      results: [
        {
          title: "Effect",
          url: "https://effect.website/",
          content: "Effect is TypeScript",
          score: 0.98,
          raw_content: null
        },
        { title: "Second", url: "https://example.org/2", content: "", score: 0.4, raw_content: null }
      ],
      response_time: 1.2
    }
  },
  exa: {
    variables: { EXA_API_KEY: KEY, SEARCH_BASE_URL: "{url}" },
    service: "Exa",
    asks: "POST /search",
    body: { query: "effect system", numResults: 2, contents: { text: { maxCharacters: 500 } } },
    header: ["x-api-key", KEY],
    answer: {
      requestId: "b5947044c4b78efa9552a7c89b306d95",
      results: [
        {
          id: "1",
          title: "Effect",
          url: "https://effect.website/",
          publishedDate: null,
          author: null,
          text: "Effect is TypeScript"
        },
        { id: "2", title: "Second", url: "https://example.org/2" }
      ],
      costDollars: { total: 0.005 }
    }
  },
  kagi: {
    variables: { KAGI_API_KEY: KEY, SEARCH_BASE_URL: "{url}" },
    service: "Kagi",
    asks: "GET /api/v0/search?q=effect+system&limit=2",
    header: ["authorization", `Bot ${KEY}`],
    answer: {
      meta: { id: "120145af", node: "us-east", ms: 386 },
      data: [
        { t: 0, rank: 1, url: "https://effect.website/", title: "Effect", snippet: "Effect is TypeScript" },
        { t: 1, list: ["effect system haskell"] },
        { t: 0, rank: 2, url: "https://example.org/2", title: "Second" }
      ]
    }
  },
  searxng: {
    variables: { SEARXNG_URL: "{url}" },
    service: "SearXNG",
    asks: "GET /search?q=effect+system&format=json",
    answer: {
      query: "effect system",
      number_of_results: 0,
      results: [
        {
          url: "https://effect.website/",
          title: "Effect",
          content: "Effect is TypeScript",
          engine: "duckduckgo",
          score: 1
        },
        { url: "https://example.org/2", title: "Second", engine: "brave" },
        { url: "https://example.org/3", title: "Third", content: "over the limit" }
      ],
      suggestions: []
    }
  }
} as const

describe("search_web", () => {
  for (const [name, provider] of Object.entries(providers)) {
    it.live(`${name}: asks as it documents, and reads its answer`, () =>
      Effect.gen(function* () {
        const { call, stub } = yield* search(answerJson(provider.answer), provider.variables)
        assert.deepEqual(yield* call({ query: " effect system ", limit: 2 }), {
          query: " effect system ",
          provider: provider.service,
          results: [
            { title: "Effect", url: "https://effect.website/", snippet: "Effect is TypeScript" },
            { title: "Second", url: "https://example.org/2", snippet: "" }
          ]
        })
        const [asked] = stub.asked
        assert.strictEqual(`${asked?.method} ${asked?.url.pathname}${asked?.url.search}`, provider.asks)
        if ("header" in provider) assert.strictEqual(asked?.headers[provider.header[0]], provider.header[1])
        if ("body" in provider) assert.deepEqual(JSON.parse(asked?.body ?? ""), provider.body)
        assert.notInclude(asked?.url.href, KEY)
      }).pipe(Effect.scoped)
    )
  }

  // Where each provider has its hits: what is no hit, or has no title, costs itself.
  const malformed = [{ title: null, url: "https://example.org/null" }, { title: 7 }, null, "hit", [], {}]
  const lists: Readonly<Record<keyof typeof providers, (hits: ReadonlyArray<unknown>) => unknown>> = {
    brave: (results) => ({ web: { results } }),
    tavily: (results) => ({ results }),
    exa: (results) => ({ results }),
    kagi: (data) => ({ data: [...data, { t: 0, title: null, url: "https://example.org/null" }] }),
    searxng: (results) => ({ results })
  }
  for (const [name, provider] of Object.entries(providers)) {
    it.live(`F22 ${name}: a malformed hit costs itself, and no other`, () =>
      Effect.gen(function* () {
        const good = {
          t: 0,
          title: "Good",
          url: "https://example.org/good",
          description: null,
          content: null,
          text: null
        }
        // The key comes from the same record.
        const list = lists[name as keyof typeof providers]
        const { call } = yield* search(answerJson(list([...malformed, good, ...malformed])), provider.variables)
        const answer = yield* call({ query: "x", limit: 20 })
        const results = answer.results as ReadonlyArray<{ title: string }>
        assert.include(
          results,
          results.find(({ title }) => title === "Good")
        )
        // Exa documents that a title may be null: such a hit is one, under its address.
        const others = name === "exa" ? ["https://example.org/null", "https://example.org/null"] : []
        assert.deepEqual(
          results.map(({ title }) => title).filter((title) => title !== "Good"),
          others
        )
      }).pipe(Effect.scoped)
    )
  }

  it.live("F22 Wikipedia: a malformed hit costs itself, and half of a character is none", () =>
    Effect.gen(function* () {
      const hits = [
        { title: null, snippet: "" },
        null,
        { title: "Good", snippet: null },
        { title: "A\ud800B", snippet: "" }
      ]
      const { call, stub } = yield* search(answerJson({ query: { search: hits } }), { SEARCH_BASE_URL: "{url}" })
      assert.deepEqual((yield* call({ query: "x" })).results, [
        { title: "Good", url: `${stub.url}/wiki/Good`, snippet: "" },
        { title: "AB", url: `${stub.url}/wiki/A%EF%BF%BDB`, snippet: "" }
      ])
    }).pipe(Effect.scoped)
  )

  it.live("F9 F21 titles and snippets keep their words, and are cut at whole characters", () =>
    Effect.gen(function* () {
      const { call } = yield* search(
        answerJson({
          results: [
            {
              title: "Vec<T> &rarr; می\u200cخواهم",
              url: "https://example.org/",
              content: "x".repeat(498) + "😀".repeat(9)
            }
          ]
        }),
        { SEARXNG_URL: "{url}" }
      )
      const [hit] = (yield* call({ query: "x" })).results as ReadonlyArray<{ title: string; snippet: string }>
      assert.strictEqual(hit?.title, "Vec<T> → می\u200cخواهم")
      assert.strictEqual(hit?.snippet, `${"x".repeat(498)}…`)
    }).pipe(Effect.scoped)
  )

  it.live("without any key, Wikipedia answers", () =>
    Effect.gen(function* () {
      const { call, stub } = yield* search(
        answerJson({
          batchcomplete: true,
          query: {
            searchinfo: { totalhits: 4321 },
            search: [
              {
                ns: 0,
                title: "Effect system",
                pageid: 5240116,
                size: 5371,
                snippet:
                  'an <span class="searchmatch">effect</span> <span class="searchmatch">system</span> is a formal &amp; useful system',
                timestamp: "2025-12-01T10:00:00Z"
              }
            ]
          }
        }),
        { SEARCH_BASE_URL: "{url}" }
      )
      assert.deepEqual(yield* call({ query: "effect system" }), {
        query: "effect system",
        provider: "Wikipedia",
        results: [
          {
            title: "Effect system",
            url: `${stub.url}/wiki/Effect_system`,
            snippet: "an effect system is a formal & useful system"
          }
        ]
      })
      assert.strictEqual(stub.asked[0]?.url.searchParams.get("srlimit"), "5")
    }).pipe(Effect.scoped)
  )

  it.live("MC15 what is no web link is left out, hidden text and markup are taken away", () =>
    Effect.gen(function* () {
      const hostile = {
        results: [
          { title: "a", url: "javascript:alert(1)", content: "" },
          { title: "b", url: "file:///etc/passwd", content: "" },
          { title: "c", url: "https://user:password@example.org/", content: "" },
          { title: "d", url: "not a url", content: "" },
          {
            title: "",
            url: "https://example.org/",
            content: `<b>x</b>\u202e\u{e0041} &lt;ok&gt; ${"long ".repeat(500)}`
          }
        ]
      }
      const { call } = yield* search(answerJson(hostile), { SEARXNG_URL: "{url}" })
      const answer = yield* call({ query: "x" })
      const [only, ...others] = answer.results as ReadonlyArray<{ title: string; snippet: string }>
      assert.deepEqual(others, [])
      assert.strictEqual(only?.title, "https://example.org/")
      assert.match(only?.snippet ?? "", /^x <ok> long/)
      assert.isAtMost(only?.snippet.length ?? 0, 500)
    }).pipe(Effect.scoped)
  )

  it.live("nothing found is an empty list", () =>
    Effect.gen(function* () {
      const { call } = yield* search(answerJson({ type: "search", query: {} }), providers.brave.variables)
      assert.deepEqual((yield* call({ query: "x" })).results, [])
    }).pipe(Effect.scoped)
  )

  it.live("MC16 arguments that do not fit are refused, and nothing is asked", () =>
    Effect.gen(function* () {
      const { call, stub } = yield* search(answerJson({ results: [] }), { SEARXNG_URL: "{url}" })
      for (const args of [
        {},
        { query: "" },
        { query: "  " },
        { query: "x".repeat(401) },
        { query: "x", limit: 21 },
        { query: "x", limit: 1.5 },
        { query: ["x"] },
        { query: "x", limits: 1 },
        null,
        []
      ]) {
        assert.match((yield* Effect.flip(call(args))).message, /^The arguments are not valid/)
      }
      assert.strictEqual(stub.asked.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("MC15 a refused or echoed key never reaches the caller", () =>
    Effect.gen(function* () {
      for (const status of [401, 403, 422, 500]) {
        const { call } = yield* search(answerJson({ error: `bad key ${KEY}` }, status), providers.tavily.variables)
        assert.notInclude((yield* Effect.flip(call({ query: "x" }))).message, KEY)
      }
    }).pipe(Effect.scoped)
  )
})
