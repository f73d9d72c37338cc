import { expect, test } from "bun:test";
import { Inbox } from "../../../src/control-plane/inbox.ts";

test("what comes before there is a reader is handed on in its order, once, and what comes later at once", () => {
  const inbox = new Inbox();
  const read: string[] = [];
  inbox.take("1");
  inbox.take("2");
  expect(read).toEqual([]);
  inbox.open((text) => void read.push(text));
  expect(read).toEqual(["1", "2"]);
  inbox.take("3");
  expect(read).toEqual(["1", "2", "3"]);
});
