import { describe, expect, test } from "bun:test";
import { cycles, findCycles } from "../../../scripts/check/cycles.ts";
import { layers, partOf } from "../../../scripts/check/layers.ts";
import { findingsOf } from "./snippet.ts";

const ALLOWED = [
  ["src/protocol/inbound.ts", `import { x } from "../async/wait.ts";`],
  ["src/journal/journal.ts", `import type { Settings } from "../config/settings.ts";`],
  ["src/control-plane/link.ts", `import { type Settings } from "../config/settings.ts";`],
  ["src/task/prepare.ts", `import { x } from "../config/duration.ts";`],
  ["src/backends/docker/run.ts", `import { x } from "../../task/backend.ts"; import "./pull.ts";`],
  ["src/backends/create.ts", `const x = () => import("./docker/run.ts");`],
  [
    "src/worker.ts",
    `import "./control-plane/link.ts"; import "./task/scheduler.ts"; import "./backends/create.ts";`,
  ],
  ["src/cli/run.ts", `import { x } from "../worker.ts"; import { y } from "../dev/control-plane.ts";`],
  ["src/main.ts", `import { x } from "./cli/run.ts"; import { y } from "./process/signals.ts";`],
  ["src/backends/kubernetes/client.ts", `import { x } from "@kubernetes/client-node";`],
] as const;

const REFUSED = [
  ["src/async/wait.ts", `import { x } from "../task/run.ts";`, "async imports task"],
  ["src/config/load.ts", `import type { X } from "../protocol/inbound.ts";`, "config imports protocol"],
  ["src/journal/journal.ts", `import { x } from "../config/settings.ts";`, "journal imports config"],
  ["src/journal/journal.ts", `import type { X } from "../config/load.ts";`, "journal imports config"],
  [
    "src/control-plane/link.ts",
    `import type { X } from "../task/scheduler.ts";`,
    "control-plane imports task",
  ],
  ["src/task/scheduler.ts", `export * from "../control-plane/link.ts";`, "task imports control-plane"],
  ["src/task/run.ts", `const x = () => import("../backends/create.ts");`, "task imports backends/create"],
  [
    "src/backends/docker/run.ts",
    `import "../kubernetes/job.ts";`,
    "backends/docker imports backends/kubernetes",
  ],
  ["src/backends/docker/run.ts", `import "../create.ts";`, "backends/docker imports backends/create"],
  ["src/backends/docker/run.ts", `import "../../telemetry/metrics.ts";`, "backends/docker imports telemetry"],
  ["src/worker.ts", `import "./backends/docker/run.ts";`, "worker imports backends/docker"],
  ["src/cli/doctor.ts", `type X = import("../backends/create.ts").X;`, "cli imports backends/create"],
  ["src/dev/server.ts", `import "../task/run.ts";`, "dev imports task"],
  ["src/main.ts", `import "./worker.ts";`, "main imports worker"],
  ["src/task/run.ts", `import "../../tests/support/fake.ts";`, "src/ imports tests/support/fake.ts"],
  ["src/task/run.ts", `import type { X } from "@kubernetes/client-node";`, "outside src/backends/kubernetes"],
  ["src/task/run.ts", `import { DatabaseSync } from "node:sqlite";`, "node:sqlite outside src/journal"],
  ["src/things/thing.ts", "export {};", "no layer has the name things"],
] as const;

describe("layers", () => {
  test.each(ALLOWED)("%s may %s", async (path, text) => {
    expect(await findingsOf(layers, { [path]: text })).toEqual([]);
  });

  test.each(REFUSED)("%s may not %s", async (path, text, what) => {
    const findings = await findingsOf(layers, { [path]: text });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toStartWith(`${path}:1: `);
    expect(findings[0]).toContain(what);
  });

  test("only the worker knows both the link and the tasks", async () => {
    const text = `import "../control-plane/link.ts";\nimport type { X } from "../task/run.ts";`;
    const findings = await findingsOf(layers, { "src/cli/doctor.ts": text });
    expect(findings).toEqual([
      "src/cli/doctor.ts:1: imports both control-plane and task; only src/worker.ts and its parts, src/worker-*.ts, put the two together",
    ]);
  });

  test("an import in a comment or a string is none", async () => {
    const text = `// import "../task/run.ts";\nexport const x = 'import "../task/run.ts"';`;
    expect(await findingsOf(layers, { "src/async/wait.ts": text })).toEqual([]);
  });

  test.each([
    ["src/main.ts", "main"],
    ["src/backends/create.ts", "backends/create"],
    ["src/backends/docker/engine/tls.ts", "backends/docker"],
    ["src/backends/shared.ts", "backends"],
    ["src/process/shim/client.ts", "process"],
  ])("%s belongs to %s", (path, part) => {
    expect(partOf(path)).toBe(part);
  });
});

describe("cycles", () => {
  test("a cycle through a type and a lazy import is found, and named from its first file", async () => {
    const findings = await findingsOf(cycles, {
      "src/a/one.ts": `import type { X } from "../b/two.ts";`,
      "src/b/two.ts": `export const x = () => import("./three.ts");`,
      "src/b/three.ts": `import "../a/one.ts";`,
    });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain(
      "import cycle src/a/one.ts -> src/b/two.ts -> src/b/three.ts -> src/a/one.ts",
    );
  });

  test("two ways to one module are no cycle", () => {
    const edges = new Map([
      ["a", ["b", "c"]],
      ["b", ["d"]],
      ["c", ["d"]],
      ["d", []],
    ]);
    expect(findCycles(edges)).toEqual([]);
  });

  test("a module that imports itself is a cycle", () => {
    expect(findCycles(new Map([["a", ["a"]]]))).toEqual([["a", "a"]]);
  });
});
