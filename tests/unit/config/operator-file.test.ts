/** Once a start read whatever it was given: a pipe nobody wrote held it for ever, and `/dev/zero` filled the memory. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { never } from "../../../src/async/wait.ts";
import { readFileOrPipe, readPlainFile } from "../../../src/config/operator-file.ts";
import { whyUnreadable } from "../../../src/config/unreadable.ts";
import { TempDir } from "../../support/temp-dir.ts";

afterEach(() => void jest.useRealTimers());

async function pipeIn(folder: TempDir): Promise<string> {
  const path = folder.join("pipe");
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
}

async function why(reading: () => Promise<unknown>): Promise<string> {
  const error: unknown = await reading().then(
    () => "it was read",
    (reason) => reason,
  );
  return whyUnreadable(error);
}

describe("a file that is read once", () => {
  test("may be a pipe, and is then read to its end, however late and in however many pieces it comes", async () => {
    await using folder = await TempDir.create();
    const path = await pipeIn(folder);
    const reading = readFileOrPipe(path, never());
    const writer = await open(path, "w");
    const half = "x".repeat(100_000);
    await writer.write(half);
    await writer.write(half);
    await writer.close();
    expect(String(await reading)).toBe(half + half);
  });

  test("is not waited for any longer when the worker is asked to stop", async () => {
    await using folder = await TempDir.create();
    const path = await pipeIn(folder);
    const stop = new AbortController();
    const reading = readFileOrPipe(path, stop.signal).catch((reason) => reason);
    const writer = await open(path, "w");
    stop.abort();
    expect(await reading).toBe(stop.signal.reason);
    await writer.close();
  });

  test("is waited for for a minute", async () => {
    await using folder = await TempDir.create();
    const path = await pipeIn(folder);
    jest.useFakeTimers();
    const reading = why(() => readFileOrPipe(path, never()));
    jest.advanceTimersByTime(60_000);
    expect(await reading).toBe("nobody has written it to its end within 60 s");
    await (await open(path, "w")).close();
  });

  test("has a size that can be meant, whether that is known before or not", async () => {
    await using folder = await TempDir.create();
    const large = await folder.write("large", "");
    truncateSync(large, 4 * 1024 * 1024 + 1);
    for (const path of [large, "/dev/zero"]) {
      expect(await why(() => readFileOrPipe(path, never()))).toBe(
        "it is larger than 4 MiB; is it the right file?",
      );
    }
  });
});

test("a file that is read again and again is neither a pipe nor a device", async () => {
  await using folder = await TempDir.create();
  expect(String(readPlainFile(await folder.write("key", "k")))).toBe("k");
  for (const path of [await pipeIn(folder), "/dev/zero"]) {
    expect(await why(async () => readPlainFile(path))).toBe(
      "it is a pipe or a device, and is read more than once; give a regular file",
    );
  }
});
