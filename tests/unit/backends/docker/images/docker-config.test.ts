import { describe, expect, test } from "bun:test";
import {
  configPathOf,
  parseDockerConfig,
  readDockerConfig,
} from "../../../../../src/backends/docker/images/docker-config.ts";
import { TempDir } from "../../../../support/temp-dir.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const config = (value: unknown) => parseDockerConfig(JSON.stringify(value));

describe("Docker's config file", () => {
  test.each([
    [{ DOCKER_CONFIG: "/etc/docker-client", HOME: "/home/u" }, "/etc/docker-client/config.json"],
    [{ DOCKER_CONFIG: "", HOME: "/home/u" }, "/home/u/.docker/config.json"],
    [{ HOME: "/home/u" }, "/home/u/.docker/config.json"],
    [{}, null],
  ])("of %o is %p", (environment, path) => {
    expect(configPathOf(environment as Record<string, string>)).toBe(path);
  });

  test("that is not there holds nothing, which is no problem", async () => {
    await using dir = await TempDir.create();
    for (const path of [null, dir.join("config.json"), dir.join("no", "folder", "config.json")]) {
      expect(await readDockerConfig(path)).toMatchObject({ problem: null, credsStore: "" });
    }
  });

  test.each(["", "\n"])("that is empty holds nothing, which is no problem: %j", (text) => {
    expect(parseDockerConfig(text)).toMatchObject({ problem: null, credsStore: "" });
  });

  test("that cannot be read is a problem, and none of its text is shown", async () => {
    await using dir = await TempDir.create();
    expect((await readDockerConfig(dir.path)).problem).toBe("it is a folder, not a file");
    for (const text of ["{", '{"auths": {"h": {"auth": s3cret}}}', '"s3cret" x']) {
      const path = await dir.write("config.json", text);
      expect((await readDockerConfig(path)).problem).toBe("it is no JSON");
    }
    for (const text of ["[]", "null", '"s3cret"', "1"]) {
      expect(parseDockerConfig(text).problem).toBe("it is no JSON object");
    }
  });

  test.each([
    ["the pair", { auth: base64("u:p") }, { username: "u", password: "p" }],
    ["a password with colons", { auth: base64("u:p:q:") }, { username: "u", password: "p:q:" }],
    ["a NUL that clients of old wrote", { auth: base64("u:p\0") }, { username: "u", password: "p" }],
    ["no padding", { auth: base64("us:p").replaceAll("=", "") }, { username: "us", password: "p" }],
    ["letters beyond ASCII", { auth: base64("ü:pä") }, { username: "ü", password: "pä" }],
    ["name and password apart", { username: "u", password: "p" }, { username: "u", password: "p" }],
    [
      "both, of which the pair wins",
      { auth: base64("u:p"), username: "x" },
      { username: "u", password: "p" },
    ],
    ["an identity token", { identitytoken: "t" }, { identitytoken: "t" }],
    [
      "a token with a name",
      { auth: base64("0000:"), identitytoken: "t" },
      { username: "0000", identitytoken: "t" },
    ],
    ["a registry token", { registrytoken: "t", email: "e" }, { registrytoken: "t" }],
    ["nothing, as a keychain's entry", {}, null],
    ["something else", { auth: 1, password: ["p"] }, null],
  ])("is read for %s", (_what, entry, credential) => {
    const { auths, problem } = config({ auths: { host: entry } });
    expect(problem).toBeNull();
    expect([...auths]).toEqual([["host", credential]]);
  });

  test("loses one entry that is none, says which, and keeps the others", () => {
    const { auths, problem } = config({
      auths: {
        "a.example": { auth: "%%%s3cret" },
        "b.example": { auth: base64("no colon") },
        c: "s3cret",
        d: { auth: base64("u:p") },
      },
    });
    expect(problem).toBe('its auths entry of "a.example", "b.example", "c" is no credential');
    expect([...auths.keys()]).toEqual(["d"]);
  });

  test("names helpers, and whatever else it may be does no harm", () => {
    const { credHelpers, credsStore } = config({
      credHelpers: { a: "ecr", b: "", c: 1 },
      credsStore: "pass",
    });
    expect([...credHelpers]).toEqual([
      ["a", "ecr"],
      ["b", ""],
    ]);
    expect(credsStore).toBe("pass");
    const odd = config({ auths: [], credHelpers: "x", credsStore: {}, HttpHeaders: 1 });
    expect(odd).toEqual({ problem: null, auths: new Map(), credHelpers: new Map(), credsStore: "" });
    expect(config({ auths: JSON.parse('{"__proto__": {"identitytoken": "t"}}') }).auths.size).toBe(1);
  });
});
