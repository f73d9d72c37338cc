import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { checkApiKey } from "../../../src/doctor/api-key.ts";
import { Secrets } from "../../../src/logging/secrets.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { settingsOf } from "./settings-of.ts";

test("it is told where the key is from, and the key is known as a secret from then on", async () => {
  await using dir = await TempDir.create("doctor");
  const file = await dir.write("key", "the-key-of-the-file\n");
  const { key } = await settingsOf(dir, {}, ["--api-key-file", file]);
  const secrets = new Secrets();
  expect(await checkApiKey(key, secrets)).toEqual({
    name: "api-key",
    status: "ok",
    detail: `read from file ${file} (--api-key-file)`,
  });
  expect(secrets.redact("is the-key-of-the-file shown?")).toBe("is *** shown?");
});

test("a file that is gone meanwhile, or empty, is a failure", async () => {
  await using dir = await TempDir.create("doctor");
  const file = await dir.write("key", "the-key\n");
  const { key } = await settingsOf(dir, { api_key_file: file });
  await dir.write("key", "\n");
  expect(await checkApiKey(key, new Secrets())).toMatchObject({
    status: "fail",
    detail: `The API key in the file "${file}" (api_key_file) is empty`,
  });
  await rm(file);
  expect(await checkApiKey(key, new Secrets())).toMatchObject({
    status: "fail",
    detail: `Cannot read the API key file "${file}" (api_key_file): there is no such file`,
  });
});
