import { describe, expect, test } from "bun:test";
import { ImageNameError, parseReference } from "../../../../../src/backends/docker/images/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;
const LONGEST_PATH = `${"a/".repeat(127)}a`;

describe("an image name", () => {
  const READ: readonly [string, string, string][] = [
    // [as written, canonical, as the engine is asked]
    ["ubuntu", "docker.io/library/ubuntu:latest", "ubuntu"],
    ["ubuntu:22.04", "docker.io/library/ubuntu:22.04", "ubuntu"],
    ["library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu"],
    ["docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu"],
    ["docker.io/library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu"],
    ["index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu"],
    ["index.docker.io/team/tool:1", "docker.io/team/tool:1", "team/tool"],
    ["team/tool", "docker.io/team/tool:latest", "team/tool"],
    ["library/team/tool", "docker.io/library/team/tool:latest", "library/team/tool"],
    [`docker.io/${HEX}`, `docker.io/library/${HEX}:latest`, `docker.io/${HEX}`],
    ["quay.example/team/tool", "quay.example/team/tool:latest", "quay.example/team/tool"],
    ["localhost/tool", "localhost/tool:latest", "localhost/tool"],
    ["localhost:5000/tool", "localhost:5000/tool:latest", "localhost:5000/tool"],
    ["localhost:5000", "docker.io/library/localhost:5000", "localhost"],
    ["host:5000/a/b:c", "host:5000/a/b:c", "host:5000/a/b"],
    ["127.0.0.1:5000/tool:1", "127.0.0.1:5000/tool:1", "127.0.0.1:5000/tool"],
    ["[::1]/tool", "[::1]/tool:latest", "[::1]/tool"],
    ["[2001:db8::1]:5000/tool:1", "[2001:db8::1]:5000/tool:1", "[2001:db8::1]:5000/tool"],
    ["REGISTRY/tool", "REGISTRY/tool:latest", "REGISTRY/tool"],
    ["xn--bcher-kva.example/tool", "xn--bcher-kva.example/tool:latest", "xn--bcher-kva.example/tool"],
    ["docker.io/localhost/tool", "docker.io/localhost/tool:latest", "docker.io/localhost/tool"],
    ["docker.io/a.b/tool", "docker.io/a.b/tool:latest", "docker.io/a.b/tool"],
    [`tool@${DIGEST}`, `docker.io/library/tool@${DIGEST}`, "tool"],
    [`tool:1@${DIGEST}`, `docker.io/library/tool:1@${DIGEST}`, "tool"],
    [`h:1/t@sha512:${HEX}${HEX}`, `h:1/t@sha512:${HEX}${HEX}`, "h:1/t"],
    ["a__b/c.d/e-f/g---h_i:V1.0-rc_2", "docker.io/a__b/c.d/e-f/g---h_i:V1.0-rc_2", "a__b/c.d/e-f/g---h_i"],
    ["tool:_", "docker.io/library/tool:_", "tool"],
    [`t:${"v".repeat(128)}`, `docker.io/library/t:${"v".repeat(128)}`, "t"],
    [`host.example/${LONGEST_PATH}`, `host.example/${LONGEST_PATH}:latest`, `host.example/${LONGEST_PATH}`],
  ];
  test.each(READ)("%s is read", (text, canonical, familiarName) => {
    const read = parseReference(text);
    expect(read.canonical).toBe(canonical);
    expect(read.familiarName).toBe(familiarName);
    expect(parseReference(read.familiar).canonical).toBe(canonical);
    expect(parseReference(read.canonical)).toEqual(read);
  });

  test("is in parts what it is as a whole", () => {
    expect(parseReference("localhost:5000/team/tool:1")).toMatchObject({
      registry: "localhost:5000",
      path: "team/tool",
      tag: "1",
      digest: null,
    });
    expect(parseReference(`tool@${DIGEST}`)).toMatchObject({
      registry: "docker.io",
      path: "library/tool",
      tag: null,
      digest: DIGEST,
      familiar: `tool@${DIGEST}`,
    });
    expect(parseReference(`tool:1@${DIGEST}`)).toMatchObject({ tag: "1", digest: DIGEST });
  });

  const REFUSED: readonly [string, string][] = [
    ["", "it is empty"],
    [HEX, "64 hexadecimal digits are an image's id"],
    ["Ubuntu", "capital letters may stand in its tag and registry only"],
    ["localhost:5000/Team/tool", "capital letters may stand in its tag and registry only"],
    ["-tool", "its path is not made of"],
    ["--privileged", "its path is not made of"],
    [" ubuntu", "its path is not made of"],
    ["ubuntu ", "its path is not made of"],
    ["ubuntu\n", "its path is not made of"],
    ["ubuntu:1\n", "its tag is not made of"],
    ["ubuntu:", "its tag is not made of"],
    ["ubuntu:.1", "its tag is not made of"],
    ["ubuntu:-1", "its tag is not made of"],
    ["ubuntu:1:2", "its path is not made of"],
    ["a//b", "its path is not made of"],
    ["/a", "its path is not made of"],
    ["a/", "its path is not made of"],
    ["a..b", "its path is not made of"],
    ["a___b", "its path is not made of"],
    ["a._b", "its path is not made of"],
    ["a_/b", "its path is not made of"],
    ["_a/b", "its path is not made of"],
    ["../../etc", "its path is not made of"],
    ["ü/b", "its path is not made of"],
    ["https://host.example/tool", "its path is not made of"],
    ["host.example/", "its path is not made of"],
    ["-host.example/tool", '"-host.example" is no registry'],
    ["host-.example/tool", '"host-.example" is no registry'],
    ["under_score.example/tool", '"under_score.example" is no registry'],
    ["host:port/tool", '"host:port" is no registry'],
    ["[::1/tool", '"[::1" is no registry'],
    ["[fe80::1%eth0]:5000/tool", "is no registry"],
    ["2001:db8::1/tool", "is no registry"],
    [`t:${"v".repeat(129)}`, "its tag is longer than 128 characters"],
    [`${LONGEST_PATH}b`, "it is longer than 255 characters"],
    ["tool@", "its digest does not start with"],
    [`tool@${HEX}`, "its digest does not start with"],
    [`tool@md5:${HEX}`, "its digest does not start with"],
    [`tool@constructor:${HEX}`, "its digest does not start with"],
    [`tool@sha256:${HEX.slice(1)}`, "its digest has not 64 hexadecimal digits"],
    [`tool@sha256:${HEX.toUpperCase()}`, "its digest has not 64 hexadecimal digits"],
    [`tool@${DIGEST}@${DIGEST}`, "it has more than one @"],
  ];
  test.each(REFUSED)("%j is refused with the reason", (text, reason) => {
    expect(() => parseReference(text)).toThrow(ImageNameError);
    expect(() => parseReference(text)).toThrow(reason);
  });

  test("of any length is shown shortened", () => {
    expect(() => parseReference(`A${"a".repeat(100_000)}`)).toThrow(/^"Aa{99}\.\.\." is no image name/);
  });
});
