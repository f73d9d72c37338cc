import { expect, test } from "bun:test";
import { type BackendDependencies, prepareBackend } from "../../../src/backends/create.ts";

test.each(["direct", "command"])("on Windows the %s backend is refused with the way out", async (kind) => {
  const dependencies = { settings: { backend: { kind } }, platform: "win32" };
  await expect(prepareBackend(dependencies as unknown as BackendDependencies)).rejects.toThrow(
    new RegExp(`The ${kind} backend does not run on Windows.*WSL 2`),
  );
});
