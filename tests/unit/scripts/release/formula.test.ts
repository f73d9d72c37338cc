import { describe, expect, test } from "bun:test";
import { renderFormula } from "../../../../scripts/release/formula.ts";
import type { Manifest } from "../../../../scripts/release/manifest.ts";
import { TARGETS } from "../../../../scripts/release/targets.ts";

const REPOSITORY = "https://git.example/team/oz-agent-worker";
const MANIFEST: Manifest = {
  name: "oz-agent-worker",
  version: "1.2.3",
  commit: "abc",
  files: TARGETS.map(({ name, archive }, index) => ({
    name: `oz-agent-worker-${name}.${archive}`,
    target: name,
    size: 1,
    sha256: String(index).repeat(64),
    executableSize: 1,
    executableSha256: "",
  })),
};

describe("the Homebrew formula", () => {
  const formula = renderFormula(MANIFEST, REPOSITORY) ?? "";

  test("has the address and the sum of each of its four archives", () => {
    for (const name of ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]) {
      const index = TARGETS.findIndex((target) => target.name === name);
      const url = `${REPOSITORY}/releases/download/v1.2.3/oz-agent-worker-${name}.tar.gz`;
      expect(formula).toContain(`url "${url}"\n      sha256 "${String(index).repeat(64)}"\n`);
    }
    expect(formula).not.toContain("musl");
  });

  test("keeps to what brew style asks of a description and of lines", () => {
    const [, description = ""] = /desc "(.*)"/.exec(formula) ?? [];
    expect(description).toMatch(/^(?!An? |The )[A-Z].{10,78}[^.]$/);
    expect(formula).not.toMatch(/[ \t]$|\n\n\n|\t/m);
    for (const line of formula.split("\n")) expect(line.length).toBeLessThanOrEqual(118);
  });

  test("has the completions made by the program, after it may be started", () => {
    expect(formula).toMatch(
      /"codesign".*\n +generate_completions_from_executable\(bin\/"oz-agent-worker", "completions"\)\n +end/,
    );
  });

  test("there is none of a release that lacks a platform", () => {
    expect(renderFormula({ ...MANIFEST, files: MANIFEST.files.slice(0, 4) }, REPOSITORY)).toBeNull();
  });
});
