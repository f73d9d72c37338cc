import { describe, expect, test } from "bun:test";
import {
  backendKinds,
  processEdges,
  runtimeEdge,
  switches,
  typeEscapes,
} from "../../../scripts/check/constructs.ts";
import { errorClasses } from "../../../scripts/check/error-classes.ts";
import type { Rule } from "../../../scripts/check/rule.ts";
import { moduleState } from "../../../scripts/check/state.ts";
import { findingsOf } from "./snippet.ts";

interface Case {
  readonly rule: Rule;
  readonly path?: string;
  readonly text: string;
  /** Part of the finding; none: nothing is found. */
  readonly what?: string;
}

const CASES: readonly Case[] = [
  { rule: typeEscapes, text: "let x: any;", what: "`any`" },
  { rule: typeEscapes, text: "const x: Record<string, any[]> = {};", what: "`any`" },
  { rule: typeEscapes, text: `const any = "any"; // any` },
  { rule: typeEscapes, text: "f(x!.y);", what: "non-null" },
  { rule: typeEscapes, text: "const x = !y !== !z;" },
  { rule: typeEscapes, text: "const x = y as unknown as string;", what: "as unknown as" },
  { rule: typeEscapes, text: "const x = (y as unknown) as string;", what: "as unknown as" },
  { rule: typeEscapes, text: "const x = y as unknown;" },
  { rule: typeEscapes, text: "const enum Color { Red }", what: "enum" },
  { rule: typeEscapes, path: "tests/a.test.ts", text: "const x = y as unknown as string;" },

  { rule: switches, text: "switch (x) { case 1: f(); }", what: "without `default`" },
  { rule: switches, text: "switch (x) { case 1: f(); break; default: x satisfies never; }" },
  { rule: switches, path: "tests/a.test.ts", text: "switch (x) { case 1: f(); }" },

  { rule: errorClasses, text: "class A extends Error {} throw new A();", what: "nobody catches A" },
  { rule: errorClasses, text: "class A extends TaskFailure {} throw new A();", what: "nobody catches A" },
  { rule: errorClasses, text: "class A extends Error {} if (error instanceof A) f();" },
  { rule: errorClasses, text: "class A extends Error {} class B extends A {} if (error instanceof B) f();" },
  { rule: errorClasses, text: "class A extends Map {} new A();" },

  { rule: processEdges, text: "process.exit(1);", what: "process.exit" },
  { rule: processEdges, text: `process["exit"](1);`, what: "process.exit" },
  { rule: processEdges, text: `import { exit as leave } from "node:process";`, what: "process.exit" },
  { rule: processEdges, path: "src/main.ts", text: "process.exit(1);" },
  { rule: processEdges, text: "process.exitCode = 1;" },
  { rule: processEdges, text: "const home = process.env.HOME;", what: "process.env" },
  { rule: processEdges, text: "const { env } = process;", what: "process.env" },
  { rule: processEdges, text: "const { env: all } = globalThis.process;", what: "process.env" },
  { rule: processEdges, text: "const { env } = options; options.env;" },
  { rule: processEdges, path: "src/config/environment.ts", text: "const home = process.env.HOME;" },
  { rule: processEdges, text: `console.log("x");`, what: "console" },
  { rule: processEdges, text: `log.console("x"); // console.log` },

  { rule: runtimeEdge, text: "Bun.spawn([]);", what: "`Bun`" },
  { rule: runtimeEdge, text: "type X = Bun.Subprocess;", what: "`Bun`" },
  { rule: runtimeEdge, text: "const { spawn } = globalThis.Bun;", what: "`Bun`" },
  { rule: runtimeEdge, text: `import { Database } from "bun:sqlite";`, what: "bun:sqlite" },
  { rule: runtimeEdge, text: `import { spawn } from "bun";`, what: `"bun"` },
  { rule: runtimeEdge, text: `const x = "Bun"; // Bun.spawn` },
  { rule: runtimeEdge, path: "src/runtime/spawn.ts", text: "Bun.spawn([]);" },
  { rule: runtimeEdge, path: "scripts/build.ts", text: "Bun.spawn([]);" },
  { rule: runtimeEdge, text: "const x = () => import(name);", what: "computed" },
  { rule: runtimeEdge, text: `const x = () => import("./a.ts");` },

  { rule: backendKinds, text: `switch (kind) { case "docker": f(); }`, what: "which backend" },
  { rule: backendKinds, text: `switch (backend) { case "command": f(); }`, what: "which backend" },
  { rule: backendKinds, text: `if (settings.backend.kind === "direct") f();`, what: "which backend" },
  { rule: backendKinds, text: `if ("kubernetes" !== x) f();`, what: "which backend" },
  { rule: backendKinds, text: `switch (name) { case "command": f(); }` },
  { rule: backendKinds, text: `const b = { kind: "docker" };` },
  { rule: backendKinds, path: "src/backends/create.ts", text: `switch (kind) { case "docker": f(); }` },
  { rule: backendKinds, path: "src/config/resolve.ts", text: `if (kind === "docker") f();` },

  { rule: moduleState, text: "let count = 0;", what: "`let` or `var`" },
  { rule: moduleState, text: "export var count = 0;", what: "`let` or `var`" },
  { rule: moduleState, text: "function f() { let count = 0; }" },
  { rule: moduleState, text: "declare let count: number;" },
  { rule: moduleState, text: "const cache = new Map<string, string>();", what: "mutable Map" },
  { rule: moduleState, text: "const names = new Set([1]);", what: "mutable Set" },
  { rule: moduleState, text: "const names: ReadonlySet<number> = new Set([1]);" },
  { rule: moduleState, text: "const cache = {};", what: "mutable object" },
  { rule: moduleState, text: "const table = { a: 1 };" },
  { rule: moduleState, text: `const names = ["a"];`, what: "mutable array" },
  { rule: moduleState, text: `const names = ["a"] satisfies string[];`, what: "mutable array" },
  { rule: moduleState, text: `const names = ["a"] as const;` },
  { rule: moduleState, text: `const names = ["a"] as const satisfies readonly string[];` },
  { rule: moduleState, text: `const names: readonly string[] = ["a"];` },
  { rule: moduleState, text: "start();", what: "work at import" },
  { rule: moduleState, text: "await start();", what: "work at import" },
  { rule: moduleState, path: "src/main.ts", text: "await start();" },
  { rule: moduleState, path: "tests/a.test.ts", text: "let count = 0;" },
];

describe("rejected constructs", () => {
  for (const { rule, path = "src/task/run.ts", text, what } of CASES) {
    test(`${rule.name} ${what === undefined ? "lets pass" : "finds"} ${text} in ${path}`, async () => {
      const findings = await findingsOf(rule, { [path]: text });
      expect(findings).toHaveLength(what === undefined ? 0 : 1);
      if (what !== undefined) expect(findings[0]).toContain(what);
    });
  }
});
