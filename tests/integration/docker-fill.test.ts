/** What the filling of a sidecar's volume holds open in the engine, whatever becomes of it. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { never } from "../../src/async/wait.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { fillVolume } from "../../src/backends/docker/sidecars/fill.ts";
import { cut, FakeEngine, json, refuse } from "../support/fake-engine.ts";
import { within } from "../support/wait.ts";

const signal = never();

/** An engine that gives the beginning of an image's files and no more, and when it is let go of. */
async function startGiving(): Promise<{
  far: FakeEngine;
  asked: Promise<ServerResponse>;
  left: Promise<void>;
}> {
  const far = await FakeEngine.start({ api: "1.41" });
  const asked = Promise.withResolvers<ServerResponse>();
  const left = Promise.withResolvers<void>();
  far.on("POST", "/containers/create", (response, { query }) =>
    json(response, { Id: query.get("name") }, 201),
  );
  far.on("DELETE", /^\/containers\//, (response) => response.writeHead(204).end());
  far.on("GET", /\/export$/, (response) => {
    response.on("close", () => left.resolve());
    asked.resolve(response);
  });
  return { far, asked: asked.promise, left: left.promise };
}

async function fill(far: FakeEngine): Promise<unknown> {
  await using engine = await Engine.connect(chooseEndpoint({ DOCKER_HOST: far.host }), {}, signal);
  const filling = fillVolume(engine, { image: "sha256:0", volume: "v", labels: {} }, signal);
  return await filling.catch((error: unknown) => error);
}

// The engine's copying went on for nobody, its container could not be removed, and both stayed as long as the worker.
test("is let go of when what was read cannot be sent, for there is no connection to send it over", async () => {
  const { far, asked, left } = await startGiving();
  await using _far = far;
  const filling = fill(far);
  const response = await within(asked, "the files to be asked for");
  await rename(far.socket, `${far.socket}.away`);
  response.flushHeaders();
  await within(left, "the files to be let go of");
  await rename(`${far.socket}.away`, far.socket);
  expect(String(await within(filling, "the filling"))).toContain("did not answer PUT");
});

// Of each container that podman was killed over it kept the files, a whole image on some disks, and listed them nowhere.
test("lets a podman that was cut off go of what it was making, and lists nowhere", async () => {
  await using far = await FakeEngine.start({ api: "1.41" });
  far.speakAsPodman("4.3.1");
  const names: string[] = [];
  far.on("POST", "/containers/create", (response, { query }) => {
    names.push(query.get("name") ?? "");
    if (names.length === 1) json(response, { Id: "source" }, 201);
    else cut(response);
  });
  far.on("GET", /^\/containers\/.*\/json$/, refuse(404, "no such container"));
  far.on("DELETE", /^\/containers\//, (response) => response.writeHead(204).end());
  expect(String(await within(fill(far), "the filling"))).toContain("did not answer POST /containers/create");
  const removals = far.requests.filter(({ method }) => method === "DELETE").map(({ path }) => path);
  expect(removals.toSorted()).toEqual(names.map((name) => `/containers/${name}`).toSorted());
});
