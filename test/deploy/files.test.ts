/** What the platforms are told of us is true: the variables, the addresses, the commands. Whether they like it only they can say. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { parseAllDocuments } from "yaml"
import { Environment } from "../../src/config/environment.ts"

const ROOT = join(import.meta.dirname, "../..")
const text = (file: string) => readFileSync(join(ROOT, file), "utf8")
/** All documents of a file; it fails where one cannot be parsed. */
const yaml = (file: string) =>
  parseAllDocuments(text(file), { merge: true, strict: true }).map((document) => {
    assert.deepStrictEqual(document.errors, [], file)
    return document.toJS()
  })

const FILES = [
  "Dockerfile",
  "compose.yaml",
  "fly.toml",
  "render.yaml",
  "railway.json",
  "deploy/cloudrun.yaml",
  "deploy/kubernetes/gatehouse.yaml",
  "deploy/gatehouse.service"
]
/** Of other programs, in the same files. */
const THEIRS = /^(NODE_ENV|HOME|PATH|DOMAIN|UPSTREAM|POSTGRES_\w+|PLAYWRIGHT_\w+|(NODE|UV)_IMAGE|PROJECT|AF_\w+)$/

describe("the files of deployments", () => {
  it("DP1 say no variable that we do not know", () => {
    for (const file of FILES) {
      const said = text(file)
        .split("\n")
        .filter((line) => !line.trimStart().startsWith("#"))
        .join("\n")
        .matchAll(/\b([A-Z][A-Z0-9]*_[A-Z0-9_]+|PORT|HOST)\b(?=["']?\s*[:=]|\n)/g)
      for (const [, name = ""] of said) {
        const secret = name.replace(/_FILE$/, "")
        assert.isTrue(
          THEIRS.test(name) || name in Environment.fields || secret in Environment.fields,
          `${file}: ${name}`
        )
      }
    }
  })

  it("DP2 ask after our health where it is told, and bring the schema up to date first", () => {
    assert.strictEqual(yaml("render.yaml")[0].services[0].healthCheckPath, "/readyz")
    assert.strictEqual(JSON.parse(text("railway.json")).deploy.healthcheckPath, "/readyz")
    assert.include(text("fly.toml"), 'path = "/readyz"')
    const [deployment] = yaml("deploy/kubernetes/gatehouse.yaml")
    const [container] = deployment.spec.template.spec.containers
    assert.strictEqual(container.readinessProbe.httpGet.path, "/readyz")
    assert.strictEqual(container.livenessProbe.httpGet.path, "/healthz")
    const [cloudrun] = yaml("deploy/cloudrun.yaml")
    assert.strictEqual(cloudrun.spec.template.spec.containers[0].startupProbe.httpGet.path, "/readyz")
    for (const file of [
      "compose.yaml",
      "fly.toml",
      "render.yaml",
      "railway.json",
      "deploy/kubernetes/gatehouse.yaml"
    ]) {
      assert.match(text(file).replaceAll(/[",[\]]/g, ""), /gatehouse db init/, file)
    }
  })

  it("DP3 give the server nothing that it does not need", () => {
    const [compose] = yaml("compose.yaml")
    const { gatehouse } = compose.services
    assert.isTrue(gatehouse.read_only)
    assert.deepStrictEqual(gatehouse.cap_drop, ["ALL"])
    assert.isUndefined(gatehouse.ports)
    for (const [name, value] of Object.entries(gatehouse.environment)) {
      assert.isTrue(!/KEY|SECRET|DATABASE/.test(name) || String(value).startsWith("/run/secrets/"), name)
    }
    const [deployment, , budget] = yaml("deploy/kubernetes/gatehouse.yaml")
    assert.strictEqual(deployment.spec.replicas, 2)
    assert.strictEqual(budget.spec.minAvailable, 1)
    assert.isTrue(deployment.spec.template.spec.securityContext.runAsNonRoot)
    for (const { securityContext } of [
      ...deployment.spec.template.spec.initContainers,
      ...deployment.spec.template.spec.containers
    ]) {
      assert.isTrue(securityContext.readOnlyRootFilesystem)
    }
    assert.match(text("Dockerfile"), /^USER 1000:1000$/m)
  })
})
