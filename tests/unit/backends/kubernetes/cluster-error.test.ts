import { expect, test } from "bun:test";
import {
  ClusterError,
  ClusterGone,
  isRefusal,
} from "../../../../src/backends/kubernetes/client/cluster-error.ts";

const answer = (status: number) => new ClusterError({ status, reason: "", said: "" });

// A worker goes on without what it is refused, such as its Lease, until it is started again.
test.each([400, 403, 404, 409, 422])(
  "status %i says that there is no such thing for the worker",
  (status) => {
    expect(isRefusal(answer(status))).toBe(true);
  },
);

test.each([401, 429, 500, 503])("status %i says nothing of what the worker may have", (status) => {
  expect(isRefusal(answer(status))).toBe(false);
});

test("nor does an answer that did not come", () => {
  expect(isRefusal(new ClusterGone("cut"))).toBe(false);
});
