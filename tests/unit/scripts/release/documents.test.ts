import { describe, expect, test } from "bun:test";
import { type Component, readComponents } from "../../../../scripts/release/components.ts";
import { renderInstaller } from "../../../../scripts/release/installer.ts";
import { renderNotices } from "../../../../scripts/release/notices.ts";
import { buildSbom } from "../../../../scripts/release/sbom.ts";
import { ROOT } from "../../../../scripts/release/source.ts";
import { TARGETS } from "../../../../scripts/release/targets.ts";
import { installerText } from "../../../support/installer.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const COMPONENTS: readonly Component[] = [
  { name: "bun", version: "1.0.0", license: "MIT", licenseText: "Bun's text\n" },
  { name: "@scope/a_b", version: "2.0.0", license: "ISC", licenseText: "" },
];

describe("readComponents", () => {
  test("knows the runtime and what package.json asks for, each with the text of its licence", async () => {
    const { dependencies }: { dependencies: Record<string, string> } = await Bun.file(
      `${ROOT}/package.json`,
    ).json();
    const components = await readComponents(ROOT);
    const names = components.map(({ name }) => name);
    expect(names[0]).toBe("bun");
    for (const name of Object.keys(dependencies)) expect(names).toContain(name);
    expect(names).not.toContain("typescript");
    expect(
      components.filter(({ licenseText, license }) => licenseText === "" || license === "NOASSERTION"),
    ).toEqual([]);
  });

  test("finds what packages need themselves, nested ones too, once each and in order", async () => {
    await using dir = await TempDir.create("components");
    const put = (path: string, about: object) => dir.write(`${path}/package.json`, JSON.stringify(about));
    await put(".", { name: "root", version: "1", engines: { bun: "9" }, dependencies: { b: "1", a: "1" } });
    await put("node_modules/a", { name: "a", version: "1", license: "MIT", dependencies: { c: "2" } });
    await put("node_modules/a/node_modules/c", { name: "c", version: "2", dependencies: { a: "1" } });
    await put("node_modules/b", { name: "b", version: "1", dependencies: { c: "1" } });
    await put("node_modules/c", { name: "c", version: "1" });
    await dir.write("node_modules/b/LICENCE.md", "of b");
    const components = await readComponents(dir.path);
    expect(components.map(({ name, version }) => `${name}@${version}`).toSorted()).toEqual([
      "a@1",
      "b@1",
      "bun@9",
      "c@1",
      "c@2",
    ]);
    expect(components.find(({ name }) => name === "b")).toMatchObject({
      license: "NOASSERTION",
      licenseText: "of b",
    });
  });
});

test("the notices carry every component's text, and say where there is none", () => {
  const notices = renderNotices(COMPONENTS);
  expect(notices).toContain("bun 1.0.0 (MIT)\n\nBun's text\n");
  expect(notices).toContain("@scope/a_b 2.0.0 (ISC)\n\nThe package brings no text of its licence.\n");
});

describe("the bill of materials", () => {
  const sbom = buildSbom({
    version: "0.1.0",
    commit: "abc",
    components: COMPONENTS,
    createdAt: 1_700_000_000,
  });

  test("has what SPDX 2.3 asks of a document", () => {
    expect(sbom).toMatchObject({
      spdxVersion: "SPDX-2.3",
      dataLicense: "CC0-1.0",
      SPDXID: "SPDXRef-DOCUMENT",
      creationInfo: { created: "2023-11-14T22:13:20Z" },
    });
    expect(JSON.stringify(sbom)).not.toContain("undefined");
  });

  test("names every component by valid ids that its relations refer to", () => {
    const { packages, relationships } = sbom as {
      packages: { SPDXID: string; externalRefs?: { referenceLocator: string }[] }[];
      relationships: { spdxElementId: string; relatedSpdxElement: string }[];
    };
    const ids = packages.map(({ SPDXID }) => SPDXID);
    expect(ids).toHaveLength(3);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const relation of relationships) {
      expect([...ids, "SPDXRef-DOCUMENT"]).toContain(relation.spdxElementId);
      expect(ids).toContain(relation.relatedSpdxElement);
    }
    const purls = packages.flatMap(({ externalRefs = [] }) =>
      externalRefs.map((one) => one.referenceLocator),
    );
    expect(purls).toEqual(["pkg:npm/bun@1.0.0", "pkg:npm/%40scope/a_b@2.0.0"]);
  });
});

describe("the installer of a release", () => {
  const env = { GITHUB_SERVER_URL: "https://git.example", GITHUB_REPOSITORY: "team/oz-agent-worker" };

  test("knows where its release is, and its version", () => {
    const text = renderInstaller(installerText(), { version: "1.2.3", env });
    expect(text).toContain("\nrelease_url=https://git.example/team/oz-agent-worker/releases\n");
    expect(text).toContain("\nrelease_version=1.2.3\n");
    const syntax = Bun.spawnSync(["sh", "-n"], { stdin: Buffer.from(text) });
    expect(syntax.exitCode).toBe(0);
  });

  test("outside of a workflow is as it is in the clone", () => {
    expect(renderInstaller(installerText(), { version: "1.2.3", env: {} })).toBe(installerText());
  });

  test.each(["$(reboot)", "a b", "a;b", 'a"b', "a\nb"])(
    "takes no shell code for a repository: %j",
    (repository) => {
      expect(() =>
        renderInstaller(installerText(), { version: "1", env: { ...env, GITHUB_REPOSITORY: repository } }),
      ).toThrow("Cannot write release_url");
    },
  );

  test("offers the targets that there are, but for Windows", () => {
    const names = TARGETS.filter(({ archive }) => archive === "tar.gz").map(({ name }) => name);
    expect(installerText()).toContain(`${names.slice(0, 4).join(" | ")}`);
    for (const name of names) expect(installerText()).toContain(name);
  });
});

test("the targets are platforms and machines without AVX2", () => {
  for (const { name, bun, archive } of TARGETS) {
    const [os = "", machine = ""] = name.split("-");
    expect(bun.startsWith(`bun-${os}-${machine}`)).toBe(true);
    expect(bun.endsWith("-baseline")).toBe(machine === "x64");
    expect(archive).toBe(os === "windows" ? "zip" : "tar.gz");
  }
});
