import { describe, expect, test } from "bun:test";
import { applyRules, RULES } from "../../../scripts/check/gate.ts";
import type { Exception, Rule } from "../../../scripts/check/rule.ts";
import { snippetTree } from "./snippet.ts";

const LONG: Rule = {
  name: "long",
  about: "nothing is long",
  check: () => [{ file: "src/a.ts", line: 1, what: "long", todo: "cut it", symbol: "f", size: 70 }],
};
const UNSURE: Rule = { name: "unsure", about: "unknown", check: () => ({ skipped: "no tool" }) };

async function resultsWith(
  exceptions: readonly Exception[],
  rules: readonly Rule[] = [LONG],
): Promise<string> {
  const verdicts = await applyRules(await snippetTree({}), rules, exceptions);
  return verdicts.map(({ name, result }) => `${name} ${result}`).join(", ");
}

function exception(more: Partial<Exception> = {}): Exception {
  return { rule: "long", file: "src/a.ts", reason: "a table", ...more };
}

describe("applyRules", () => {
  test("a finding fails its rule", async () => {
    expect(await resultsWith([])).toBe("long failed, exceptions passed");
  });

  test.each([exception(), exception({ symbol: "f" }), exception({ upTo: 70 })])(
    "an exception that fits excuses it: %j",
    async (fitting) => {
      expect(await resultsWith([fitting])).toBe("long passed, exceptions passed");
    },
  );

  test.each([exception({ file: "src/b.ts" }), exception({ symbol: "g" }), exception({ upTo: 69 })])(
    "an exception that does not fit fails as well, because it excuses nothing: %j",
    async (stale) => {
      expect(await resultsWith([stale])).toBe("long failed, exceptions failed");
    },
  );

  test("an exception from a rule that was not asked for is not judged", async () => {
    expect(await resultsWith([exception({ rule: "other" })])).toBe("long failed, exceptions passed");
  });

  test("a rule that cannot be applied is skipped aloud, with its reason", async () => {
    const [verdict] = await applyRules(await snippetTree({}), [UNSURE], []);
    expect(verdict).toMatchObject({ result: "skipped", note: "no tool" });
  });

  test("every rule has a name of its own", () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
  });
});
