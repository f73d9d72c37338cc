import { describe, expect, test } from "bun:test";
import { runtimeEdge } from "../../../scripts/check/constructs.ts";
import { layers } from "../../../scripts/check/layers.ts";
import { twins } from "../../../scripts/check/twins.ts";
import { findingsOf } from "./snippet.ts";

const MAPPED = { imports: { "./src/runtime/a.ts": "./src/runtime/deno/a.ts" } };
const SOUND = {
  "deno.json": JSON.stringify(MAPPED),
  "src/main.ts": 'import { a } from "./task/run.ts"; import type { B } from "./runtime/b.ts";',
  "src/task/run.ts": 'export const a = () => import("../runtime/a.ts");',
  "src/runtime/a.ts": "export const a = Bun.version;",
  "src/runtime/b.ts": "export interface B {} export const b = Bun.main;",
  "src/runtime/deno/a.ts": "export const a = deno.version;",
  "src/runtime/deno/twins.ts": 'type A = [typeof import("../a.ts"), typeof import("./a.ts")];',
};

describe("twins", () => {
  test("are as they should be", async () => {
    expect(await findingsOf(twins, SOUND)).toEqual([]);
  });

  test.each([
    [
      "one is missing for a file that is loaded",
      { "src/task/run.ts": 'import { b } from "../runtime/b.ts";' },
      "src/runtime/b.ts:1: speaks to Bun",
    ],
    [
      "one is missing for what is loaded by a twin",
      { "src/runtime/deno/a.ts": 'import "../c.ts";', "src/runtime/c.ts": 'import "bun:ffi";' },
      "src/runtime/c.ts:1: speaks to Bun",
    ],
    ["one is not mapped", { "src/runtime/deno/b.ts": "" }, "deno.json:1: src/runtime/b.ts has a twin"],
    [
      "one has another name",
      { "deno.json": JSON.stringify({ imports: { ...MAPPED.imports, "./src/runtime/b.ts": "./src/b.ts" } }) },
      "deno.json:1: src/runtime/b.ts is not mapped",
    ],
    ["one's types are not compared", { "src/runtime/deno/twins.ts": "" }, "is not compared"],
    [
      "one is loaded without the map",
      { "src/task/run.ts": 'import "../runtime/deno/a.ts";' },
      "src/runtime/deno/a.ts:1: a twin for Deno that the executable would hold",
    ],
    ["there is no map", { "deno.json": "{}" }, "deno.json:1: missing"],
  ])("are missed when %s", async (_what, change, said) => {
    expect((await findingsOf(twins, { ...SOUND, ...change })).join("\n")).toContain(said);
  });

  test("and nobody else know Deno, or the package of its WebSocket", async () => {
    const text = 'import { WebSocket } from "ws"; Deno.exit();';
    const elsewhere = { "src/runtime/spawn.ts": text };
    expect(await findingsOf(runtimeEdge, elsewhere)).toEqual([expect.stringContaining("`Deno` outside")]);
    expect(await findingsOf(layers, elsewhere)).toEqual([expect.stringContaining("ws outside")]);
    const twin = { "src/runtime/deno/spawn.ts": text };
    expect([await findingsOf(runtimeEdge, twin), await findingsOf(layers, twin)]).toEqual([[], []]);
  });
});
