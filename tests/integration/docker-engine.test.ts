import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { never, turns } from "../../src/async/wait.ts";
import type { ContainerState } from "../../src/backends/docker/engine/containers.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { EngineError, EngineGone } from "../../src/backends/docker/engine/errors.ts";
import { cut, FakeEngine, inspected, json, logFrame, refuse } from "../support/fake-engine.ts";
import { within } from "../support/wait.ts";

let fake: FakeEngine;
let engine: Engine;
const signal = never();

beforeEach(async () => {
  fake = await FakeEngine.start();
  engine = await Engine.connect(chooseEndpoint({ DOCKER_HOST: fake.host }), {}, signal);
});

afterEach(async () => {
  jest.useRealTimers();
  await engine[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
});

/** The error that the work rejects with. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => {
      throw new Error(`It did not fail but gave ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}

async function* bytesThenFailure(): AsyncIterable<Uint8Array> {
  yield new Uint8Array(100_000);
  throw new Error("the source broke");
}

describe("a call", () => {
  test("speaks the version that both know, and says who the engine is", async () => {
    expect(engine).toMatchObject({
      api: "1.47",
      version: "27.0.1",
      platform: { os: "linux", architecture: "arm64" },
    });
    expect([engine.atLeast("1.47"), engine.atLeast("1.9"), engine.atLeast("1.48")]).toEqual([
      true,
      true,
      false,
    ]);
    fake.on("GET", "/images/host:5000/a/b@sha256:00/json", (response) =>
      json(response, { Id: "i", Os: "linux" }),
    );
    const image = await engine.images.inspect("host:5000/a/b@sha256:00", signal);
    expect(image).toMatchObject({ id: "i", os: "linux", repoDigests: [] });
    expect(fake.requests.at(-1)?.version).toBe("/v1.47");
  });

  // Podman sends an error that it did not expect twice, as 500 and as 404.
  test("that is refused in two answers at once gives the words of the first", async () => {
    const said = (response: number) => `${JSON.stringify({ cause: "c", message: "ambiguous", response })}\n`;
    fake.on("DELETE", "/volumes/v", (response) => {
      response.writeHead(500, { "Content-Type": "application/json" });
      response.end(said(500) + said(404));
    });
    const error = await failureOf(engine.volumes.remove("v", signal));
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ status: 500, message: "ambiguous", foreign: false });
  });

  test("that is refused gives the engine's own words and status", async () => {
    fake.on("POST", "/containers/create", refuse(409, 'Conflict. The name "/x" is in use'));
    const failure = await failureOf(engine.containers.create("x", { Image: "i" }, signal));
    expect(failure).toBeInstanceOf(EngineError);
    expect(failure).toMatchObject({ status: 409, message: 'Conflict. The name "/x" is in use' });
  });

  test("that a proxy answers with a page is told as such", async () => {
    for (const status of [200, 502]) {
      fake.on("GET", "/containers/c/json", (response) =>
        response.writeHead(status).end("<h1>Bad\nGateway</h1>"),
      );
      const failure = await failureOf(engine.containers.inspect("c", signal));
      expect(failure).toMatchObject({
        name: "EngineError",
        status,
        message: `It answered with status ${status} and something that is not the Docker API (is a proxy in between?): "Bad Gateway"`,
      });
    }
  });

  test("ends at once with the signal's reason, and closes its connection", async () => {
    fake.on("GET", "/containers/c/json", () => undefined);
    const stop = new AbortController();
    const call = failureOf(engine.containers.inspect("c", stop.signal));
    await fake.seen("GET", "/containers/c/json");
    const reason = new Error("the task was cancelled");
    stop.abort(reason);
    expect(await within(call, "the call to end")).toBe(reason);
    await within(fake.idle(), "the connection to close");
    expect(await failureOf(engine.containers.inspect("c", stop.signal))).toBe(reason);
  });

  test("counts as under way until it has its answer, whatever that is", async () => {
    const asked = Promise.withResolvers<() => void>();
    fake.on("GET", "/containers/slow/json", (response) =>
      asked.resolve(() => json(response, { message: "none" }, 404)),
    );
    expect(engine.callsUnderway).toBe(0);
    const call = failureOf(engine.containers.inspect("slow", signal));
    const answer = await asked.promise;
    expect(engine.callsUnderway).toBe(1);
    answer();
    expect(await call).toBeInstanceOf(EngineError);
    expect(engine.callsUnderway).toBe(0);
  });

  test("ends with the client", async () => {
    fake.on("GET", "/containers/c/json", (response) => response.flushHeaders());
    const call = failureOf(engine.containers.inspect("c", signal));
    await fake.seen("GET", "/containers/c/json");
    await engine[Symbol.asyncDispose]();
    expect(await within(call, "the call to end")).toMatchObject({
      message: "The engine client was closed",
    });
    await within(fake.idle(), "the connection to close");
  });

  test("never hangs on an engine that was restarted in between", async () => {
    fake.on("GET", "/containers/c/json", (response) => inspected(response, { Status: "running" }));
    for (let round = 0; round < 3; round++) {
      expect((await within(engine.containers.inspect("c", signal), "an answer")).status).toBe("running");
      await fake.stop();
      expect(await failureOf(engine.containers.inspect("c", signal))).toBeInstanceOf(EngineGone);
      await fake.startAgain();
    }
  });

  // Not every engine, or proxy before one, closes a connection because it is told to.
  test.each([
    ["with a length", "200 OK", "Content-Length: 4\r\n\r\nnull"],
    ["in chunks", "200 OK", "Transfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n"],
    ["with 204", "204 No Content", "\r\n"],
    ["with 304, and the length of what it does not send", "304 Not Modified", "Content-Length: 9\r\n\r\n"],
  ])("that is answered %s is done although the connection stays open", async (_how, status, rest) => {
    fake.on("POST", "/containers/c/rename", (response) =>
      response.socket?.write(`HTTP/1.1 ${status}\r\n${rest}`),
    );
    await within(engine.containers.rename("c", "d", signal), "the call");
    expect((await fake.seen("POST", "/containers/c/rename")).headers["content-length"]).toBe("0");
  });

  const minutes: readonly (readonly [string, string, RegExp, (heavy: Engine) => Promise<unknown>])[] = [
    ["makes a container", "POST", /create$/, (heavy) => heavy.containers.create("c", { Image: "i" }, signal)],
    ["starts one", "POST", /start$/, (heavy) => heavy.containers.start("c", signal)],
    ["stops one of much grace", "POST", /stop$/, (heavy) => heavy.containers.stop("c", 600, signal)],
    ["removes one", "DELETE", /^\/containers\/c$/, (heavy) => heavy.containers.remove("c", signal)],
    ["removes a volume", "DELETE", /^\/volumes\/v$/, (heavy) => heavy.volumes.remove("v", signal)],
    [
      "unpacks files",
      "PUT",
      /archive$/,
      (heavy) => heavy.containers.putArchive("c", "/t", new Uint8Array(9), signal),
    ],
  ];
  test.each(minutes)("that %s may take minutes", async (_what, method, path, call) => {
    const asked = Promise.withResolvers<() => void>();
    fake.on(method, path, (response) => asked.resolve(() => response.writeHead(204).end()));
    jest.useFakeTimers();
    const answer = call(engine).catch((error: unknown) => error);
    const release = await asked.promise;
    jest.advanceTimersByTime(9 * 60_000);
    release();
    expect(await answer).not.toBeInstanceOf(EngineGone);
  });

  test("whose answer the engine cuts, in the middle or before it began, can be told from one that it answers", async () => {
    fake.on("GET", "/containers/c/json", (response) => {
      response.write('{"Stat');
      cut(response);
    });
    expect(await failureOf(engine.containers.inspect("c", signal))).toBeInstanceOf(EngineGone);
    fake.on("GET", "/containers/c/json", (response) => response.socket?.destroy());
    expect(await failureOf(engine.containers.inspect("c", signal))).toBeInstanceOf(EngineGone);
  });

  // Bun's fetch has 256 requests at a time for the whole process: with it, 128 tasks that waited and
  // followed their logs once shut out every other call for good.
  test("finds room beside hundreds that wait for their answers", async () => {
    const answers: (() => void)[] = [];
    let arrived = Promise.withResolvers<void>();
    fake.on("GET", /^\/containers\/\d+\/json$/, (response) => {
      if (answers.push(() => inspected(response, { ExitCode: 3 })) % 100 === 0) arrived.resolve();
    });
    fake.on("GET", "/containers/x/json", (response) => inspected(response, {}, { Id: "x" }));
    const calls: Promise<ContainerState>[] = [];
    // By the hundred: the fake's queue of new connections is short.
    for (let hundred = 0; hundred < 6; hundred++) {
      for (let at = 0; at < 100; at++) calls.push(engine.containers.inspect(String(at), signal));
      await within(arrived.promise, "a hundred calls to arrive");
      arrived = Promise.withResolvers<void>();
    }
    expect((await within(engine.containers.inspect("x", signal), "a call beside them")).id).toBe("x");
    for (const answer of answers) answer();
    expect((await Promise.all(calls)).every(({ exitCode }) => exitCode === 3)).toBe(true);
    await within(fake.idle(), "the connections to close");
  });
});

describe("what is so already is no error", () => {
  const quiet: readonly (readonly [string, string, string, number, () => Promise<unknown>])[] = [
    [
      "start of a running container",
      "POST",
      "/containers/c/start",
      304,
      () => engine.containers.start("c", signal),
    ],
    ["stop of an ended one", "POST", "/containers/c/stop", 304, () => engine.containers.stop("c", 5, signal)],
    ["stop of none", "POST", "/containers/c/stop", 404, () => engine.containers.stop("c", 5, signal)],
    ["removal of none", "DELETE", "/containers/c", 404, () => remove()],
    ["removal of no volume", "DELETE", "/volumes/v", 404, () => engine.volumes.remove("v", signal)],
  ];
  const remove = () => engine.containers.remove("c", signal);
  for (const [name, method, path, status, call] of quiet) {
    test(name, async () => {
      fake.on(method, path, (response) =>
        status === 304 ? response.writeHead(304).end() : json(response, { message: "no" }, status),
      );
      await call();
      fake.on(method, path, refuse(500, "disk full"));
      expect(await failureOf(call())).toMatchObject({ status: 500, message: "disk full" });
    });
  }

  test("kill of one that has ended or is gone, whatever the engine says to that", async () => {
    let running = false;
    const kill = () => engine.containers.kill("c", "SIGKILL", signal);
    for (const status of [404, 409, 500]) {
      fake.on("POST", "/containers/c/kill", refuse(status, "container state improper"));
      await kill();
    }
    fake.on("GET", "/containers/c/json", (response) => inspected(response, { Running: running }));
    await kill();
    running = true;
    expect(await failureOf(kill())).toMatchObject({ status: 500, message: "container state improper" });
    // A proxy's, which the engine never heard of.
    fake.on("POST", "/containers/c/kill", (response) => response.end());
    expect(await failureOf(kill())).toMatchObject({ status: 200, foreign: true });
  });

  test("a container that somebody else is removing is waited for", async () => {
    const done = Promise.withResolvers<void>();
    fake.on("DELETE", "/containers/c", refuse(409, "removal of container c is already in progress"));
    fake.on("GET", "/containers/c/json", (response) => inspected(response, { Status: "removing" }));
    fake.on("POST", "/containers/c/wait", async (response) => {
      await done.promise;
      json(response, { StatusCode: 0 });
    });
    const removing = remove();
    expect((await fake.seen("POST", "/containers/c/wait")).query.get("condition")).toBe("removed");
    done.resolve();
    await within(removing, "the removal");
  });

  test("a name that is taken is told as such, by podman too, which says 500 as of anything else", async () => {
    const create = () => engine.containers.create("c", { Image: "i" }, signal);
    fake.on("POST", "/containers/create", refuse(500, "that name is already in use"));
    fake.on("GET", "/containers/c/json", (response) => inspected(response));
    expect(await failureOf(create())).toMatchObject({ status: 409, message: "that name is already in use" });
  });

  test("a name that is free again when podman has said so is asked for once more", async () => {
    let asked = 0;
    fake.on("POST", "/containers/create", (response, request) => {
      asked += 1;
      if (asked === 1) refuse(500, "that name is already in use")(response, request);
      else json(response, { Id: "2" });
    });
    fake.on("GET", "/containers/c/json", refuse(404, "no such container"));
    const created = await engine.containers.create("c", { Image: "i" }, signal);
    expect([created.id, asked]).toEqual(["2", 2]);
  });

  // Two workers took the lock of a sidecar at once, and one failed its tasks: there was no such container yet.
  test("a name whose container is being made by another, which podman does not show yet, is taken", async () => {
    fake.on("POST", "/containers/create", refuse(500, "container create: that name is already in use"));
    let looks = 0;
    fake.on("GET", "/containers/c/json", (response, request) => {
      looks += 1;
      if (looks < 4) refuse(404, "no such container")(response, request);
      else inspected(response);
    });
    const creating = engine.containers.create("c", { Image: "i" }, signal);
    expect(await failureOf(creating)).toMatchObject({ status: 409 });
    expect(looks).toBe(4);
  });

  // Of two workers that took over a dead one's tasks, one reported a task as failed that the other had reported.
  test("a container that goes while podman looks at it, which says 500 then, is gone", async () => {
    const answers = [500, 404, 500, 500, 500];
    fake.on("GET", "/containers/c/json", (response, request) =>
      refuse(answers.shift() ?? 0, "no such container")(response, request),
    );
    const find = () => engine.containers.find("c", signal);
    expect(await find()).toBeNull();
    expect(await failureOf(find())).toMatchObject({ status: 500, message: "no such container" });
    expect(answers).toEqual([]);
  });

  test("a running container is not removed without force", async () => {
    fake.on("DELETE", "/containers/c", refuse(409, "You cannot remove a running container"));
    fake.on("GET", "/containers/c/json", (response) => inspected(response, { Status: "running" }));
    expect(await failureOf(remove())).toMatchObject({ status: 409 });
  });

  test("a volume that exists is given back where the engine refuses to make it twice", async () => {
    fake.on("POST", "/volumes/create", refuse(409, "volume already exists"));
    fake.on("GET", "/volumes/v", (response) => json(response, { Name: "v", Labels: { a: "b", odd: 1 } }));
    const volume = await engine.volumes.create({ name: "v", labels: {} }, signal);
    expect(volume).toMatchObject({ name: "v", labels: { a: "b" } });
  });
});

describe("logs", () => {
  const read = async () => {
    let text = "";
    for await (const { stream, bytes } of engine.containers.logs("c", 100, signal)) {
      text += `${stream}:${Buffer.from(bytes)}`;
    }
    return text;
  };

  test("are taken apart by what the engine says they are, or by the container's own word", async () => {
    let tty = false;
    fake.on("GET", "/containers/c/json", (response) => inspected(response, {}, { Config: { Tty: tty } }));
    const frames = Buffer.concat([logFrame(1, "a"), logFrame(2, "b")]);
    fake.on("GET", "/containers/c/logs", (response) => response.end(frames));
    expect(await read()).toBe("stdout:astderr:b");
    tty = true;
    const type = { "Content-Type": "application/vnd.docker.multiplexed-stream" };
    fake.on("GET", "/containers/c/logs", (response) => response.writeHead(200, type).end(frames));
    expect(await read()).toBe("stdout:astderr:b");
    fake.on("GET", "/containers/c/logs", (response) => response.end("as it is"));
    expect(await read()).toBe("stdout:as it is");
  });

  test("that are cut in the middle of a frame fail as a connection does", async () => {
    fake.on("GET", "/containers/c/json", (response) => inspected(response));
    fake.on("GET", "/containers/c/logs", (response) => {
      response.write(logFrame(1, "half of this").subarray(0, 12));
      cut(response);
    });
    expect(await failureOf(read())).toBeInstanceOf(EngineGone);
  });

  test("that are not read fast enough make the engine wait, and memory stays bounded", async () => {
    const type = { "Content-Type": "application/vnd.docker.multiplexed-stream" };
    const megabyte = logFrame(1, "x".repeat(1024 * 1024));
    let sent = 0;
    fake.on("GET", "/containers/c/logs", (response) => {
      response.writeHead(200, type);
      const fill = () => {
        while (sent < 64) {
          sent += 1;
          if (response.write(megabyte)) continue;
          response.once("drain", fill);
          return;
        }
        response.end();
      };
      fill();
    });
    const reader = engine.containers.logs("c", 100, signal)[Symbol.asyncIterator]();
    const first = await reader.next();
    let bytes = first.done ? 0 : first.value.bytes.length;
    // Nothing tells that nothing happens. Without a limit, all 64 MB are here after some 300 turns.
    await turns(3000);
    expect(sent).toBeLessThan(8);
    for (let step = await reader.next(); !step.done; step = await reader.next())
      bytes += step.value.bytes.length;
    expect(bytes).toBe(64 * 1024 * 1024);
  });

  test("that are left in the middle close their connection", async () => {
    const type = { "Content-Type": "application/vnd.docker.multiplexed-stream" };
    fake.on("GET", "/containers/c/logs", (response) => response.writeHead(200, type).write(logFrame(1, "a")));
    for await (const { stream } of engine.containers.logs("c", 100, signal)) {
      expect(stream).toBe("stdout");
      break;
    }
    await within(fake.idle(), "the connection to close");
  });
});

describe("a pull", () => {
  const pull = async () => {
    const request = { fromImage: "r/i", tag: "sha256:00", platform: "linux/arm64", auth: "e30=" };
    return Array.fromAsync(engine.images.pull(request, signal));
  };

  test("asks for tag, platform and credentials, and tells of its progress", async () => {
    fake.on("POST", "/images/create", (response) => {
      response.write('{"status":"Downloading","id":"l1","progressDetail":{"cur');
      response.end('rent":5,"total":9}}\r\n{"status":"Done"}\r\n');
    });
    expect(await pull()).toEqual([
      { id: "l1", status: "Downloading", currentBytes: 5, totalBytes: 9 },
      { id: "", status: "Done", currentBytes: 0, totalBytes: 0 },
    ]);
    const request = await fake.seen("POST", "/images/create");
    expect(Object.fromEntries(request.query)).toEqual({
      fromImage: "r/i",
      tag: "sha256:00",
      platform: "linux/arm64",
    });
    expect(request.headers["x-registry-auth"]).toBe("e30=");
  });

  test("that fails after it has begun fails with the engine's words", async () => {
    fake.on("POST", "/images/create", (response) => {
      response.write('{"status":"Pulling"}\n');
      response.end('{"errorDetail":{"code":401,"message":"denied: no access"},"error":"denied"}\n');
    });
    expect(await failureOf(pull())).toMatchObject({
      name: "EngineError",
      status: 401,
      message: "denied: no access",
    });
  });

  test("that is refused or cut can be told apart", async () => {
    fake.on("POST", "/images/create", refuse(429, "toomanyrequests"));
    expect(await failureOf(pull())).toMatchObject({ status: 429 });
    fake.on("POST", "/images/create", (response) => {
      response.write('{"status":"Pulling"}\n');
      cut(response);
    });
    expect(await failureOf(pull())).toBeInstanceOf(EngineGone);
  });
});

describe("archives", () => {
  test("go from one container into another as they come", async () => {
    const content = Buffer.alloc(3_000_000, "tar");
    fake.on("GET", "/containers/from/export", (response) => response.end(content));
    fake.on("PUT", "/containers/to/archive", (response) => response.end());
    await engine.containers.putArchive(
      "to",
      "/target",
      await engine.containers.readRoot("from", signal),
      signal,
    );
    const request = await fake.seen("PUT", "/containers/to/archive");
    expect(request.query.get("path")).toBe("/target");
    expect(request.body.equals(content)).toBe(true);
  });

  test("whose source breaks do not look whole to the engine", async () => {
    fake.on("PUT", "/containers/to/archive", (response) => response.end());
    const failure = await failureOf(engine.containers.putArchive("to", "/t", bytesThenFailure(), signal));
    expect(failure).toMatchObject({ message: "the source broke" });
    await within(fake.idle(), "the connection to close");
    expect(fake.requests.some(({ method }) => method === "PUT")).toBe(false);
  });
});

test("events come as they happen, and the engine's end is told", async () => {
  fake.on("GET", "/events", (response) => {
    const event = { Type: "container", Action: "die", Actor: { ID: "c", Attributes: { exitCode: "3" } } };
    response.end(`${JSON.stringify(event)}\n`);
  });
  const seen: unknown[] = [];
  const filters = { type: ["container"], event: ["die"] };
  const reading = (async () => {
    for await (const event of engine.events({ filters, since: "4.5" }, signal)) seen.push(event);
  })();
  expect(await failureOf(reading)).toBeInstanceOf(EngineGone);
  expect(seen).toEqual([{ action: "die", id: "c" }]);
  const { query } = await fake.seen("GET", "/events");
  expect([query.get("filters"), query.get("since")]).toEqual([JSON.stringify(filters), "4.5"]);
});
