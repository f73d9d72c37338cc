import { expect, test } from "bun:test";
import {
  cancelEnvironment,
  dispatchEnvironment,
  markOf,
} from "../../../../src/backends/command/environment.ts";

const REF = { taskId: "t", executionId: "e" };
const OWN = {
  worker: { PATH: "/bin", BUN_OPTIONS: "--x", A: "worker", OZ_RUN_ID: "w", WARP_API_KEY: "k" },
  operator: { A: "operator", OZ_DOCKER_IMAGE: "o", OZ_WORKER_BACKEND: "o" },
};

test("a dispatch has the worker's environment, the operator's over it, and the task's names over both", () => {
  expect(dispatchEnvironment(REF, { serverRootUrl: "https://s", image: "img" }, OWN)).toEqual({
    PATH: "/bin",
    WARP_API_KEY: "k",
    A: "operator",
    OZ_RUN_ID: "t",
    OZ_EXECUTION_ID: "e",
    OZ_WORKER_BACKEND: "command",
    OZ_SERVER_ROOT_URL: "https://s",
    OZ_DOCKER_IMAGE: "img",
  });
});

test("a cancellation has the same names, and nothing that only an assignment tells", () => {
  expect(cancelEnvironment(REF, { worker: {}, operator: {} })).toEqual({
    OZ_RUN_ID: "t",
    OZ_EXECUTION_ID: "e",
    OZ_WORKER_BACKEND: "command",
  });
});

test("the task's id stands in for an execution without one", () => {
  expect(cancelEnvironment({ taskId: "t", executionId: "" }, OWN)["OZ_EXECUTION_ID"]).toBe("t");
  expect(markOf({ taskId: "t", executionId: "" })).toBe("OZ_RUN_ID=t\0OZ_EXECUTION_ID=t");
});
