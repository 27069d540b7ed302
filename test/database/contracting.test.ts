import { assert, describe, it } from "@effect/vitest"
import { known, sinceOf } from "../../src/database/migrations.sql.ts"
import { contractions } from "../support/contracting.ts"

/** Older ones were never beside a version of their own past. */
const BASELINE = "20261126101000"

describe("migrations expand", () => {
  it("none that is newer than the baseline breaks the version before it, unless it says since when nobody needs what it takes away", () => {
    assert.isTrue(known.some(({ version }) => version === BASELINE))
    for (const { version, name, text, since } of known) {
      if (version <= BASELINE) continue
      const found = contractions(text)
      if (since === undefined) {
        assert.deepStrictEqual(
          found,
          [],
          `${version}_${name}: expand only, or say "-- contracts: since <version>, <why>"`
        )
        continue
      }
      assert.isNotEmpty(found, `${version}_${name} contracts nothing, and shuts older versions out all the same`)
      assert.isTrue(
        known.some((other) => other.version === since && since < version),
        `${version}_${name}: ${since} is no earlier migration`
      )
    }
  })

  it("finds what the old version would stumble over", () => {
    for (const sql of [
      "drop table mcp.people",
      "DROP INDEX mcp.people_email_idx;",
      "drop function mcp.announce();",
      "drop trigger announce on mcp.people;",
      "truncate mcp.events;",
      "alter table mcp.people drop column email;",
      "alter table mcp.people drop email",
      "alter table only mcp.people\n  drop column if exists email, add column mail text;",
      "alter table mcp.people alter column email drop default;",
      "alter table mcp.people rename to persons;",
      "alter table mcp.people rename column email to mail;",
      "alter table mcp.people set schema old;",
      "alter table mcp.people alter column role type integer using 1;",
      "alter table mcp.people alter role set data type integer;",
      "alter table mcp.people alter column email set not null;",
      "alter table mcp.people alter column role set default 'guest';",
      "alter table mcp.people add column phone text not null;",
      "alter table mcp.people add phone text not null;",
      "alter table mcp.people add column a text, add column b text not null;",
      "alter table mcp.people add constraint short check (length(name) < 9);",
      "alter table mcp.people add check (length(name) < 9);",
      "alter table mcp.people add constraint one unique (email);",
      "alter table mcp.people add unique (email);",
      "alter table mcp.people add foreign key (id) references mcp.ids;",
      "alter table mcp.people disable trigger announce;",
      "create unique index on mcp.people (name);",
      "alter type mcp.role rename value 'a' to 'b';",
      "-- expands\ncreate table mcp.a (b text);\n/* and */ alter table mcp.people drop column email;",
      "do $$ begin\n  if true then\n    drop table mcp.people;\n  end if;\nend $$;"
    ])
      assert.lengthOf(contractions(sql), 1, sql)
  })

  it("lets pass what it does not see", () => {
    for (const sql of [
      "create table mcp.a (b text not null unique, check (b <> ''));\nalter table mcp.a add constraint c unique (b);\ncreate unique index on mcp.a (b);",
      "alter table mcp.people add column phone text;",
      "alter table mcp.people add column phone text not null default '', add column at timestamptz default now();",
      "alter table mcp.people add column n integer check (n in (1, 2));",
      "alter table mcp.people add constraint short check (length(name) < 9) not valid;",
      "alter table mcp.people alter column email drop not null;",
      "alter table mcp.people drop constraint short;",
      "alter table mcp.people enable row level security;",
      "create index on mcp.people (name);",
      "comment on table mcp.people is 'never drop table or alter table people drop column';",
      "-- drop table mcp.people;",
      "create or replace function mcp.f() returns void language sql as $f$ drop table mcp.people; $f$;",
      "alter type mcp.role add value 'guest';",
      "update mcp.people set name = 'drop';",
      "do $$\ndeclare r text;\nbegin\n  for r in select 1 loop\n    execute format('revoke all on all tables in schema mcp from %I', r);\n  end loop;\nend $$;"
    ])
      assert.deepStrictEqual(contractions(sql), [], sql)
  })

  it("reads the mark, which names a migration and a reason", () => {
    assert.strictEqual(
      sinceOf("-- contracts: since 20261126101000, nobody writes to it\ndrop table a;"),
      "20261126101000"
    )
    for (const text of [
      "drop table a;",
      "-- contracts: since 20261126101000",
      "-- contracts: since 2026, why",
      "select '-- contracts: since 20261126101000, in a text'"
    ])
      assert.isUndefined(sinceOf(text), text)
  })
})
