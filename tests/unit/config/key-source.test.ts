import { describe, expect, test } from "bun:test";
import { chooseKeySource, KeyError, type KeyPlaces, type KeySource } from "../../../src/config/key-source.ts";
import { TempDir } from "../../support/temp-dir.ts";

const NOWHERE: KeyPlaces = { flag: null, fileFlag: null, fileSetting: null, env: {}, fallback: null };

function sourceOf(places: Partial<KeyPlaces>): KeySource {
  const choice = chooseKeySource({ ...NOWHERE, ...places });
  if (choice.kind === "problem") throw new Error(choice.text);
  return choice.source;
}

async function refusal(source: KeySource): Promise<string> {
  const error: unknown = await source.read().catch((reason) => reason);
  expect(error).toBeInstanceOf(KeyError);
  return error instanceof KeyError ? error.message : "";
}

describe("where the key comes from", () => {
  const env = { WARP_API_KEY: "k", WARP_API_KEY_FILE: "/e" };
  const PRECEDENCE: readonly [string, Partial<KeyPlaces>][] = [
    ["--api-key", { flag: "k", fileSetting: "/s", env, fallback: "d" }],
    ["file /f (--api-key-file)", { fileFlag: "/f", fileSetting: "/s", env, fallback: "d" }],
    ["file /s (api_key_file)", { fileSetting: "/s", env, fallback: "d" }],
    ["WARP_API_KEY", { env, fallback: "d" }],
    ["file /e (WARP_API_KEY_FILE)", { env: { WARP_API_KEY: "", WARP_API_KEY_FILE: "/e" }, fallback: "d" }],
    ["the service command", { env: { WARP_API_KEY: "" }, fallback: "d" }],
  ];
  test.each(PRECEDENCE)("%p comes next", (label, places) => {
    expect(sourceOf(places).label).toBe(label);
  });

  test("both flags at once are a mistake", () => {
    const choice = chooseKeySource({ ...NOWHERE, flag: "k", fileFlag: "/f" });
    expect(choice).toEqual({
      kind: "problem",
      text: "Both --api-key and --api-key-file are given; give one of them",
    });
  });

  test("without any, all the ways are named", () => {
    const choice = chooseKeySource(NOWHERE);
    const text = choice.kind === "problem" ? choice.text : "";
    for (const way of ["--api-key", "--api-key-file", "api_key_file", "WARP_API_KEY", "WARP_API_KEY_FILE"]) {
      expect(text).toContain(way);
    }
  });
});

describe("a key in a file", () => {
  test("is read again each time, without the newline at its end", async () => {
    await using folder = await TempDir.create();
    const path = await folder.write("key", "one\n");
    const source = sourceOf({ fileFlag: path });
    expect(await source.read()).toBe("one");
    await folder.write("key", "two\r\n");
    expect(await source.read()).toBe("two");
  });

  test("that is empty, missing or a folder says so", async () => {
    await using folder = await TempDir.create();
    const path = await folder.write("key", "\n");
    expect(await refusal(sourceOf({ fileFlag: path }))).toBe(
      `The API key in the file "${path}" (--api-key-file) is empty`,
    );
    const missing = folder.join("none");
    expect(await refusal(sourceOf({ fileSetting: missing }))).toBe(
      `Cannot read the API key file "${missing}" (api_key_file): there is no such file`,
    );
    expect(await refusal(sourceOf({ env: { WARP_API_KEY_FILE: folder.path } }))).toBe(
      `Cannot read the API key file "${folder.path}" (WARP_API_KEY_FILE): it is a folder, not a file`,
    );
  });

  // Once shown as the path of a file that is not there.
  test("that is the key itself is not shown", async () => {
    expect(await refusal(sourceOf({ fileSetting: "wk-1.c2VjcmV0c2VjcmV0c2VjcmV0" }))).toBe(
      "Cannot read the API key file of api_key_file: there is no such file; give the path of a file that holds the key, not the key",
    );
  });

  test("that is a pipe is refused at once, and not waited for", async () => {
    await using folder = await TempDir.create();
    const pipe = folder.join("pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    expect(await refusal(sourceOf({ fileFlag: pipe }))).toBe(
      `Cannot read the API key file "${pipe}" (--api-key-file): it is a pipe or a device, and is read more than once; give a regular file`,
    );
  });
});

describe("a key that no header can carry is refused without being shown", () => {
  test.each([
    "s3 cret",
    "s3\ncret",
    "s3cret\r\nX-Admin: 1",
    "s3cr\u00e9t",
    "s3\tcret",
    " s3cret",
    "s3\u0000cret",
  ])("%p", async (key) => {
    const text = await refusal(sourceOf({ flag: key }));
    expect(text).toStartWith("The API key of --api-key has white space");
    expect(text).not.toContain("s3");
  });

  test("the newline that a secret was stored with is none of it", async () => {
    expect(await sourceOf({ env: { WARP_API_KEY: "key\n" } }).read()).toBe("key");
  });

  test.each(['"s3cret"', "'s3cret'", '"s3 cret"'])("quotes around it are told, not sent: %s", async (key) => {
    expect(await refusal(sourceOf({ env: { WARP_API_KEY: key } }))).toBe(
      "The API key of WARP_API_KEY stands in quotes, which are no part of it; leave them out",
    );
  });

  test("an empty flag is told, not passed over", async () => {
    expect(await refusal(sourceOf({ flag: "" }))).toBe("The API key of --api-key is empty");
  });
});
