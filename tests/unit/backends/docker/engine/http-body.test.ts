import { describe, expect, test } from "bun:test";
import { bodyDecoderFor } from "../../../../../src/backends/docker/engine/http-body.ts";
import { HeadReader, NotHttp, writeHead } from "../../../../../src/backends/docker/engine/http-head.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Everything that comes out when the answer arrives in pieces of that size. */
function readAnswer(answer: string, size: number, method = "GET") {
  const reader = new HeadReader();
  let decoder: ReturnType<typeof bodyDecoderFor> | null = null;
  let [status, body] = [0, ""];
  for (let at = 0; at < answer.length; at += size) {
    const piece = bytesOf(answer.slice(at, at + size));
    if (decoder !== null) body += textOf(decoder.push(piece));
    else {
      const found = reader.push(piece);
      if (found === null) continue;
      status = found.head.status;
      decoder = bodyDecoderFor(method, found.head);
      body += textOf(decoder.push(found.rest));
    }
  }
  return { status, body, done: decoder?.done ?? false, mayEnd: decoder?.mayEnd ?? false };
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("answers", () => {
  const whole: readonly (readonly [string, string, string])[] = [
    ["with a length", "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nhello", "hello"],
    ["in chunks", `${CHUNKED}5\r\nhello\r\n1;x=y\r\n!\r\nA\r\n0123456789\r\n0\r\n\r\n`, "hello!0123456789"],
    ["in chunks with a trailer", `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`, "ok"],
    [
      "after a 100 Continue",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "ok",
    ],
    ["with bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"],
    ["without a body", "HTTP/1.1 204 No Content\r\n\r\n", ""],
  ];
  for (const [name, answer, body] of whole) {
    test(`${name} are read whole, however they were cut`, () => {
      for (const size of [1, 2, 3, 7, answer.length]) {
        expect(readAnswer(answer, size)).toMatchObject({ body, done: true, mayEnd: true });
      }
    });
  }

  test("that stop before their end are known to be cut", () => {
    for (const part of ["5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", ""]) {
      expect(readAnswer(CHUNKED + part, 4).mayEnd).toBe(false);
    }
    expect(readAnswer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", 4).mayEnd).toBe(false);
  });

  test("without length or chunks end with their connection", () => {
    expect(readAnswer("HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", 3)).toMatchObject({
      status: 502,
      body: "<html>",
      mayEnd: true,
    });
  });

  test("to HEAD have no body whatever their length says", () => {
    expect(readAnswer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 50, "HEAD").done).toBe(true);
  });

  test("of something that is not HTTP are refused at the first bytes", () => {
    for (const other of [
      "\0\0\u0012\u0004\0\0",
      "SSH-2.0-OpenSSH",
      "HTTP/2 what",
      "220 mail ready\r\n\r\n",
    ]) {
      expect(() => readAnswer(`${other}\r\n\r\n`, 4)).toThrow(NotHttp);
    }
  });

  test("with chunks that lie about their size are refused", () => {
    for (const lie of ["xyz\r\n", "3\r\nhello\r\n", "-1\r\n", "\r\n"]) {
      expect(() => readAnswer(CHUNKED + lie, 50)).toThrow(NotHttp);
    }
  });

  test("whose head never ends are not collected for ever", () => {
    expect(() => readAnswer(`HTTP/1.1 200 OK\r\nX: ${"y".repeat(100_000)}`, 1000)).toThrow(NotHttp);
  });
});

test("a line break in a header's value does not make a header of its own", () => {
  const head = textOf(writeHead("GET", "/x", { "X-Registry-Auth": "a\r\nEvil: yes" }));
  expect(head).toBe("GET /x HTTP/1.1\r\nX-Registry-Auth: a Evil: yes\r\n\r\n");
});
