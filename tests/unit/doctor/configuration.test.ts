import { expect, test } from "bun:test";
import { checkConfiguration } from "../../../src/doctor/configuration.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { settingsOf } from "./settings-of.ts";

const DIRECT = { backend: { direct: {} } };

test("file, backend and worker id are told", async () => {
  await using dir = await TempDir.create("doctor");
  expect(checkConfiguration(await settingsOf(dir, DIRECT), "w.yaml")).toEqual([
    { name: "configuration", status: "ok", detail: "config file w.yaml; worker id w, backend direct" },
  ]);
  const [none] = checkConfiguration(await settingsOf(dir, {}, ["--backend", "direct"]), null);
  expect(none?.detail).toBe("no config file; worker id w, backend direct");
});

test("a backend of the file that is not used is a warning, as at a start", async () => {
  await using dir = await TempDir.create("doctor");
  const overridden = await settingsOf(dir, DIRECT, ["--backend", "docker"]);
  expect(checkConfiguration(overridden, "w.yaml")[1]).toEqual({
    name: "configuration",
    status: "warn",
    detail: "--backend wins over the config file, whose backend is not used: direct",
  });
  const empty = await settingsOf(dir, { backend: { direct: null } });
  expect(checkConfiguration(empty, "w.yaml")[1]).toEqual({
    name: "configuration",
    status: "warn",
    detail: "the backend that the config file names has nothing below it, and so is not used: direct",
    hint: "write direct: {} for its defaults",
  });
});
