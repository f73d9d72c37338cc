import { expect, test } from "bun:test";
import { pathOf } from "../../../src/runtime/request-path.ts";

test.each([
  ["http://127.0.0.1:9100/healthz", "/healthz"],
  ["https://host/healthz?verbose=1", "/healthz"],
  ["http://[::1]:80/", "/"],
  ["http://host", ""],
  ["http://host?x=/healthz", ""],
  // As the runtime gives it of a request without a host, or with one that it cannot read.
  ["/healthz", "/healthz"],
  ["/healthz?http://host/metrics", "/healthz"],
  ["http://[::1/healthz", "/healthz"],
  ["http://host:99999/healthz", "/healthz"],
])("the path of %s is %s", (url, path) => {
  expect(pathOf(url)).toBe(path);
});
