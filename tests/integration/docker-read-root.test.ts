/**
 * How a container's whole file system is had: Docker 24 to 27 leave its root mounted, and its layer on the disk, behind
 * each export, so each copy of a sidecar cost a mount until the engine was started again.
 */
import { expect, test } from "bun:test";
import { never } from "../../src/async/wait.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { FakeEngine, json, refuse } from "../support/fake-engine.ts";

const signal = never();

async function readRoot(far: FakeEngine): Promise<string> {
  await using engine = await Engine.connect(chooseEndpoint({ DOCKER_HOST: far.host }), {}, signal);
  const parts = await Array.fromAsync(await engine.containers.readRoot("c", signal));
  return Buffer.concat(parts).toString();
}

test.each([
  ["1.41", "export", null],
  ["1.42", "export", null],
  ["1.43", "archive", "/."],
  ["1.47", "archive", "/."],
  ["1.48", "export", null],
  ["1.56", "export", null],
])("an engine of API %s gives a container's files by its %s", async (api, way, path) => {
  await using far = await FakeEngine.start({ api });
  far.on("GET", "/info", (response) => json(response, { SecurityOptions: ["name=seccomp,profile=builtin"] }));
  far.on("GET", `/containers/c/${way}`, (response) => response.end("tar"));
  expect(await readRoot(far)).toBe("tar");
  expect((await far.seen("GET", `/containers/c/${way}`)).query.get("path")).toBe(path);
});

test("an engine that refuses the copy gives them by its export", async () => {
  await using far = await FakeEngine.start({ api: "1.45" });
  far.on("GET", "/info", (response) => json(response, { SecurityOptions: [] }));
  far.on("GET", "/containers/c/archive", refuse(500, "rename /proc: device or resource busy"));
  far.on("GET", "/containers/c/export", (response) => response.end("tar"));
  expect(await readRoot(far)).toBe("tar");
});

test("an engine that has no export, or a proxy that lets nobody have it, gives them by a copy", async () => {
  await using far = await FakeEngine.start({ api: "1.41" });
  far.on("GET", "/containers/c/export", refuse(403, "Forbidden"));
  far.on("GET", "/containers/c/archive", (response) => response.end("tar"));
  expect(await readRoot(far)).toBe("tar");
  far.on("GET", "/containers/c/archive", refuse(404, "page not found"));
  expect(await readRoot(far).catch(String)).toBe("EngineError: Forbidden");
});

// With userns-remap a copy names the host's owners, which are refused: "Container ID 101000 cannot be mapped".
test.each([
  ["remaps users", ["name=seccomp,profile=builtin", "name=userns"]],
  ["does not say whether it remaps users", undefined],
  ["may not be asked whether it remaps users", null],
])(
  "an engine that loses mounts by it and %s gives them by its export all the same",
  async (_what, options) => {
    await using far = await FakeEngine.start({ api: "1.45" });
    if (options === null) far.on("GET", "/info", refuse(403, "Forbidden"));
    else far.on("GET", "/info", (response) => json(response, { SecurityOptions: options }));
    far.on("GET", "/containers/c/export", (response) => response.end("tar"));
    expect(await readRoot(far)).toBe("tar");
  },
);

test("podman, whose copies have no devices, gives them by its export, of whatever API", async () => {
  await using far = await FakeEngine.start({ api: "1.44" });
  far.speakAsPodman("5.8.0", "1.44");
  far.on("GET", "/containers/c/export", (response) => response.end("tar"));
  expect(await readRoot(far)).toBe("tar");
});
