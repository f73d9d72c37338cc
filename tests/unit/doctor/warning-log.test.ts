import { expect, test } from "bun:test";
import { WarningLog } from "../../../src/doctor/warning-log.ts";

test("what is warned of is kept with its fields, and its hint apart", () => {
  const log = new WarningLog();
  log.debug();
  log.info();
  log.warn("no more");
  log.with({ namespace: "agents" }).warn("the role does not allow", { grant: "patch jobs", why: undefined });
  log.error("worse", { hint: "do something", code: 7 });
  expect(log.warnings).toEqual([
    { detail: "no more" },
    { detail: "the role does not allow (namespace agents)", hint: "grant (RBAC): patch jobs" },
    { detail: "worse (code 7)", hint: "do something" },
  ]);
});
