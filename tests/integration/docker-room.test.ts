/** A worker whose engine has no room left takes no task, where it was told how much there has to be. */
import { describe, expect, test } from "bun:test";
import { json, refuse } from "../support/fake-engine.ts";
import { TempDir } from "../support/temp-dir.ts";
import { type DockerRig, eachTestHasRig } from "./docker-rig.ts";

/** More than any disk has. */
const ALL = 2 ** 60;
const UNTOLD = "the free disk space of the container engine cannot be told: no task is turned down for it";

let rig: DockerRig;

eachTestHasRig(async (made) => {
  rig = made;
});

function withFolder(DockerRootDir: unknown): void {
  rig.fake.http.on("GET", "/info", (response) => json(response, { DockerRootDir }));
}

/** Whether there is enough, and why it could not be told. */
async function lookWith(minFreeBytes: number) {
  const { backend, log } = await rig.backend("me", { settings: { minFreeBytes } });
  const untold = log.lines.find(({ message }) => message === UNTOLD);
  return { enough: backend.hasRoom(), why: untold?.fields["why"] ?? null };
}

describe("min_free_gb", () => {
  test.each([
    [ALL, false],
    [1, true],
  ])("is what the engine's own folder has to have: %d bytes", async (least, enough) => {
    await using dir = await TempDir.create("engine");
    withFolder(dir.path);
    expect(await lookWith(least)).toEqual({ enough, why: null });
  });

  test.each([
    [
      "is not on this host",
      () => withFolder("/no/such/folder"),
      "its folder /no/such/folder is not to be seen",
    ],
    ["is not told", () => withFolder(undefined), "does not tell where its folder is"],
    [
      "may not be asked for",
      () => rig.fake.http.on("GET", "/info", refuse(403, "no")),
      "does not tell where",
    ],
  ])("turns nothing down where that folder %s, which is said", async (_name, prepare, why) => {
    prepare();
    expect(await lookWith(ALL)).toEqual({ enough: true, why: expect.stringContaining(why) });
  });

  test("left out asks nothing of the engine", async () => {
    rig.fake.http.on("GET", "/info", refuse(500, "not to be asked"));
    expect(await lookWith(0)).toEqual({ enough: true, why: null });
  });
});
