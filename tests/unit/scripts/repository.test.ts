import { describe, expect, test } from "bun:test";
import { exactVersions, phrases } from "../../../scripts/check/repository.ts";
import { findingsOf } from "./snippet.ts";

// In pieces, so that the gate does not find them in this file.
const REFUSED = [
  ["https://registry.", "npmjs.org/x"],
  ["http://mirror.", "example.net/x"],
  ["https://nexus.", "corp.example/npm"],
  ["proxy.", "golang.org"],
  ["see ", "/wo", "rk/main/x.ts"],
  ["HOME=", "/ro", "ot/.bun"],
  ["see ..", "/shared/design.md"],
  ["// TO", "DO later"],
  ["# FIX", "ME"],
].map((pieces) => pieces.join(""));

const FINE = [
  "https://app.example.com/registry/x",
  "https://index.docker.io/v1/",
  "src/work/x.ts",
  "$HOME/work/x",
  "a todo list, test.todo()",
  "the registry is http://127.0.0.1:5000/",
];

describe("phrases", () => {
  test.each(REFUSED)("%s is found, on its line", async (text) => {
    const findings = await findingsOf(phrases, { "src/a.md": `fine\n${text}\n` });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toStartWith("src/a.md:2: ");
  });

  test.each(FINE)("%s is fine", async (text) => {
    expect(await findingsOf(phrases, { "src/a.md": text })).toEqual([]);
  });
});

describe("exact-versions", () => {
  test.each(["^1.2.3", "~1.2.3", "*", "1.2", ">=1.2.3", "latest", "1.x"])(
    "%s is not exact",
    async (version) => {
      const manifest = JSON.stringify({ dependencies: { yaml: version } }, null, 2);
      const findings = await findingsOf(exactVersions, { "package.json": manifest });
      expect(findings).toEqual([
        `package.json:3: yaml is "${version}"; name the one version that was tested`,
      ]);
    },
  );

  test.each(["1.2.3", "1.2.3-beta.1"])("%s is exact", async (version) => {
    const manifest = JSON.stringify({ devDependencies: { yaml: version } });
    expect(await findingsOf(exactVersions, { "package.json": manifest })).toEqual([]);
  });

  test("the types of Bun are those of the Bun that is used", async () => {
    const manifest = JSON.stringify({
      engines: { bun: "1.4.5" },
      devDependencies: { "@types/bun": "1.4.4" },
    });
    expect(await findingsOf(exactVersions, { "package.json": manifest })).toHaveLength(1);
  });
});
