/** Tasks over HTTP: made, listed, looked at and cancelled by whoever is on this machine, and by no web page. */
import { describe, expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { askWithoutHost } from "../support/old-http.ts";
import { RawWorker } from "../support/raw-worker.ts";

const start = () => ControlPlane.start({ apiKey: "key" });

interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(
  plane: ControlPlane,
  method: string,
  path: string,
  body?: unknown,
  headers = {},
): Promise<Answered> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${plane.httpUrl}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: text }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

describe("POST /tasks", () => {
  test("a prompt becomes a task with ids of its own and reaches the worker", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const { status, body } = await ask(plane, "POST", "/tasks", {
      prompt: "Fix it\nand more",
      env_vars: { A: "1" },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ title: "Fix it", execution_id: expect.stringContaining("exec-") });
    const { data } = await worker.waitFor("task_assignment", String(body["task_id"]));
    expect(data).toMatchObject({
      execution_id: body["execution_id"],
      env_vars: { A: "1" },
      task: { id: body["task_id"], task_definition: { prompt: "Fix it\nand more" } },
    });
    expect(data).not.toHaveProperty("prompt");
  });

  test("a full assignment is sent as it is", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const sent = assignment({ snapshot: { model_id: "m" }, more: { unknown_field: [1] } });
    expect((await ask(plane, "POST", "/tasks", sent)).body["task_id"]).toBe(sent.task_id);
    expect((await worker.waitFor("task_assignment")).data).toEqual(sent);
  });

  test("the same task again is a conflict as long as it goes on", async () => {
    await using plane = await start();
    const sent = assignment();
    await ask(plane, "POST", "/tasks", sent);
    expect((await ask(plane, "POST", "/tasks", sent)).status).toBe(409);
  });

  test.each([
    ["{", "not JSON: "],
    ["[]", "JSON object"],
    ['{"prompt": " "}', "prompt"],
    ['{"prompt": 1}', "prompt"],
    ['{"prompt": "a", "task": {}}', "Both"],
    ["{}", "Neither"],
    ['{"task_id": 5, "prompt": "a"}', "task_id"],
    ['{"task_id": "", "prompt": "a"}', "task_id"],
  ])("%s is refused with a sentence", async (body, words) => {
    await using plane = await start();
    const answered = await ask(plane, "POST", "/tasks", body);
    expect(answered.status).toBe(400);
    expect(answered.body["error"]).toContain(words);
    expect(plane.tasks()).toEqual([]);
  });
});

describe("what is there", () => {
  test("is listed in order and shown one by one, strange ids included", async () => {
    await using plane = await start();
    for (const taskId of ["first", "a/b ü"]) plane.submit(assignment({ taskId }));
    const { body } = await ask(plane, "GET", "/tasks");
    expect(body["tasks"]).toMatchObject([
      { task_id: "first", state: "queued" },
      { task_id: "a/b ü", state: "queued" },
    ]);
    expect((await ask(plane, "GET", `/tasks/${encodeURIComponent("a/b ü")}`)).body["task_id"]).toBe("a/b ü");
    expect((await ask(plane, "GET", "/tasks/nobody")).status).toBe(404);
    expect((await ask(plane, "PUT", "/tasks/first")).status).toBe(405);
    expect((await ask(plane, "PATCH", "/tasks")).status).toBe(405);
  });

  test("is told of by HEAD without a body, and a method that is not understood by those that are", async () => {
    await using plane = await start();
    plane.submit(assignment({ taskId: "first" }));
    for (const path of ["/tasks", "/tasks/first"]) {
      const head = await fetch(`${plane.httpUrl}${path}`, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
    }
    const refused = await fetch(`${plane.httpUrl}/tasks/first`, { method: "PUT" });
    expect(refused.headers.get("allow")).toBe("GET, HEAD, DELETE");
  });

  test("is cancelled by DELETE, once", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const { taskId } = plane.submit(assignment());
    await worker.waitFor("task_assignment", taskId);
    expect((await ask(plane, "DELETE", `/tasks/${taskId}`)).status).toBe(202);
    await worker.waitFor("task_cancellation", taskId);
    worker.send("task_completed", { task_id: taskId, message: "c", task_state: "CANCELLED" });
    await plane.waitForTask(taskId, ["cancelled"]);
    expect((await ask(plane, "DELETE", `/tasks/${taskId}`)).status).toBe(409);
    expect((await ask(plane, "DELETE", "/tasks/nobody")).status).toBe(404);
  });
});

describe("strangers", () => {
  test.each([{ Origin: "https://evil.example" }, { Origin: "null" }, { Host: "evil.example" }])(
    "a request with %p is refused and does nothing",
    async (headers) => {
      await using plane = await start();
      expect((await ask(plane, "POST", "/tasks", { prompt: "x" }, headers)).status).toBe(403);
      expect(plane.tasks()).toEqual([]);
    },
  );

  // "Invalid URL", with status 500.
  test("a request that names no host, as in HTTP/1.0, is told why it is refused", async () => {
    await using plane = await start();
    const answer = await askWithoutHost(`${plane.httpUrl}/tasks`);
    expect(answer).toMatch(/^HTTP\/1\.[01] 403 .*Only requests to 127\.0\.0\.1 or localhost are accepted/s);
  });

  test("localhost is this machine too", async () => {
    await using plane = await start();
    expect((await ask(plane, "GET", "/tasks", undefined, { Host: `localhost:${plane.port}` })).status).toBe(
      200,
    );
  });
});
