import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { renderFinding } from "../../../scripts/check/rule.ts";
import { shellSyntax } from "../../../scripts/check/shell.ts";
import { treeOf } from "../../../scripts/check/tree.ts";
import { TempDir } from "../../support/temp-dir.ts";

async function findingsIn(text: string, executable = true): Promise<string[]> {
  await using dir = await TempDir.create("shell");
  await Bun.write(join(dir.path, "run"), text);
  const answer = await shellSyntax.check(await treeOf(dir.path, [{ path: "run", text, executable }]));
  return "skipped" in answer ? [answer.skipped] : answer.map(renderFinding);
}

describe("shell-syntax", () => {
  test("a POSIX script that parses is fine", async () => {
    expect(await findingsIn("#!/bin/sh\nset -eu\necho hello\n")).toEqual([]);
  });

  test.each(["#!/bin/bash", "#!/usr/bin/env bash", "#!/bin/dash"])("%s is not POSIX sh", async (line) => {
    expect(await findingsIn(`${line}\necho hello\n`)).toEqual([
      "run:1: does not start with #!/bin/sh; write POSIX sh and say so",
    ]);
  });

  test("a script that does not parse is found, in the shell's words", async () => {
    const findings = await findingsIn("#!/bin/sh\nif true; then\n");
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain("make it parse");
  });

  test("a script that cannot be run is found", async () => {
    expect(await findingsIn("#!/bin/sh\n", false)).toEqual(["run:1: is not executable; chmod +x"]);
  });

  test("other files are none of its business", async () => {
    expect(await findingsIn("#!/usr/bin/env node\nif (", false)).toEqual([]);
  });
});
