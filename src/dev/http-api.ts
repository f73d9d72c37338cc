/** The operator's side of the control plane: tasks over HTTP, JSON in and out, for this machine only. */

import { wordsOf } from "../logging/words-of.ts";
import { isLoopback } from "../runtime/loopback.ts";
import { type Assignment, completeAssignment } from "./assignment-of.ts";
import type { CancelResult } from "./dispatch.ts";
import type { DevTask } from "./tasks.ts";

export interface TaskService {
  /** @throws when a task of this id has not ended */
  submit(assignment: Assignment): DevTask;
  cancel(taskId: string): CancelResult;
  task(taskId: string): DevTask | undefined;
  tasks(): readonly DevTask[];
}

/** Answers what is asked about tasks; null when the path is not ours. */
export async function answerHttp(request: Request, url: URL, service: TaskService): Promise<Response | null> {
  const [, root, id, ...rest] = url.pathname.split("/");
  if (root !== "tasks" || rest.length > 0) return null;
  const stranger = objectionToCaller(request);
  if (stranger) return failure(403, stranger);
  const reads = request.method === "GET" || request.method === "HEAD";
  if (id === undefined || id === "") {
    if (reads) return json(200, { tasks: service.tasks().map(describe) });
    if (request.method === "POST") return create(await request.text(), service);
    return failure(405, "GET and POST are what /tasks understands", { allow: "GET, HEAD, POST" });
  }
  const taskId = decode(id);
  if (reads) return show(taskId, service);
  if (request.method === "DELETE") return cancel(taskId, service);
  return failure(405, "GET and DELETE are what /tasks/ID understands", { allow: "GET, HEAD, DELETE" });
}

/**
 * There is no key here, so a web page must not get in: browsers name their page in `Origin`, and a
 * host name that was rebound to 127.0.0.1 shows in `Host`.
 */
function objectionToCaller(request: Request): string | null {
  if (request.headers.has("origin")) return "Requests of web pages are not accepted";
  const host = (request.headers.get("host") ?? "").replace(/:\d+$/, "");
  return isLoopback(host.toLowerCase()) ? null : "Only requests to 127.0.0.1 or localhost are accepted";
}

function create(body: string, service: TaskService): Response {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return failure(400, `The body is not JSON: ${wordsOf(error)}`);
  }
  let assignment: Assignment;
  try {
    assignment = completeAssignment(value);
  } catch (error) {
    return failure(400, wordsOf(error));
  }
  try {
    return json(201, describe(service.submit(assignment)));
  } catch (error) {
    return failure(409, wordsOf(error));
  }
}

function show(taskId: string, service: TaskService): Response {
  const task = service.task(taskId);
  return task ? json(200, describe(task)) : failure(404, `No task ${taskId} here`);
}

function cancel(taskId: string, service: TaskService): Response {
  const result = service.cancel(taskId);
  switch (result) {
    case "unknown":
      return failure(404, `No task ${taskId} here`);
    case "ended":
      return failure(409, `Task ${taskId} has ended`);
    case "requested":
      return json(202, { task_id: taskId, state: service.task(taskId)?.state });
    default:
      return result satisfies never;
  }
}

function describe(task: DevTask): Record<string, unknown> {
  return {
    task_id: task.taskId,
    execution_id: task.executionId,
    title: task.title,
    state: task.state,
    message: task.message,
    failure_reason: task.failureReason,
    exit_code: task.exitCode,
    cancel_requested: task.cancelRequested,
    created_at: new Date(task.createdAt).toISOString(),
    changed_at: new Date(task.changedAt).toISOString(),
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function failure(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  return json(status, { error: message }, headers);
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...headers, "content-type": "application/json" },
  });
}
