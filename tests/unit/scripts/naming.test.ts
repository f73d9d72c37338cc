import { describe, expect, test } from "bun:test";
import { exportNames, fileNames, wireNames } from "../../../scripts/check/naming.ts";
import { findingsOf } from "./snippet.ts";

describe("file-names", () => {
  test.each([
    "src/task/index.ts",
    "src/utils.ts",
    "src/task/task-manager.ts",
    "src/common/x.ts",
    "tests/test-helpers.ts",
  ])("%s says nothing", async (path) => {
    expect(await findingsOf(fileNames, { [path]: "" })).toHaveLength(1);
  });

  test.each(["src/task/scheduler.ts", "src/backends/command/dispatch.ts", "src/config/index-range.ts"])(
    "%s is a noun",
    async (path) => {
      expect(await findingsOf(fileNames, { [path]: "" })).toEqual([]);
    },
  );
});

describe("named-exports", () => {
  test.each([
    "export default class A {}",
    "export default function () {}",
    "export default 1;",
    "const a = 1; export { a as default };",
  ])("%s", async (text) => {
    expect(await findingsOf(exportNames, { "src/a.ts": text })).toHaveLength(1);
  });

  test.each(["export class A {}", "switch (x) { default: f(); }", `export { a } from "./a.ts";`])(
    "%s is fine",
    async (text) => {
      expect(await findingsOf(exportNames, { "src/a.ts": text })).toEqual([]);
    },
  );
});

describe("wire-names", () => {
  const text = "const a = message.task_id; f({ task_id: a });";

  test("a snake_case name is found once, where it first stands", async () => {
    const findings = await findingsOf(wireNames, { "src/task/run.ts": `\n${text}` });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toStartWith("src/task/run.ts:2: snake_case name task_id");
  });

  test.each([
    "src/protocol/inbound.ts",
    "src/dev/tasks.ts",
    "src/config/schema-docker.ts",
    "src/config/resolve.ts",
  ])("%s speaks it", async (path) => {
    expect(await findingsOf(wireNames, { [path]: text })).toEqual([]);
  });

  test.each([
    `const a = message["task_id"];`,
    "const MAX_TASKS = 1;",
    "process.env.WARP_API_KEY;",
    "const _x = 1;",
  ])("%s is fine", async (fine) => {
    expect(await findingsOf(wireNames, { "src/task/run.ts": fine })).toEqual([]);
  });
});
