import { describe, expect, test } from "bun:test";
import { environmentFlagProblem, resolveEnvironment } from "../../../src/config/environment.ts";

describe("the variables of tasks", () => {
  test("an entry without a value takes the worker's own, empty when that is unset", () => {
    expect(resolveEnvironment([{ name: "A" }, { name: "B" }], ["C", "D"], { A: "a", C: "c" })).toEqual([
      { name: "A", value: "a" },
      { name: "B", value: "" },
      { name: "C", value: "c" },
      { name: "D", value: "" },
    ]);
  });

  test("a flag wins over the file, a later entry over an earlier one, each name once", () => {
    const file = [
      { name: "A", value: "file" },
      { name: "B", value: "1" },
      { name: "B", value: "2" },
    ];
    expect(resolveEnvironment(file, ["A=flag", "C=1", "C=2"], {})).toEqual([
      { name: "B", value: "2" },
      { name: "A", value: "flag" },
      { name: "C", value: "2" },
    ]);
  });

  test("a value may hold equal signs and white space, and be empty", () => {
    expect(resolveEnvironment([{ name: "E", value: "" }], ["A=b=c d", "F="], { E: "own", F: "own" })).toEqual(
      [
        { name: "E", value: "" },
        { name: "A", value: "b=c d" },
        { name: "F", value: "" },
      ],
    );
  });
});

describe("the text of -e", () => {
  test.each(["A", "A=", "A=b", "A=b c=d", "_x.y-z=1"])("%p is fine", (text) => {
    expect(environmentFlagProblem(text)).toBeNull();
  });

  test.each(["", "=", "=value"])("%p has an empty name", (text) => {
    expect(environmentFlagProblem(text)).toBe("has an empty variable name; write KEY=VALUE or KEY");
  });

  test("white space in the name is refused without showing the value", () => {
    const problem = environmentFlagProblem("A B=s3cret");
    expect(problem).toBe('has white space in the variable name "A B"; write KEY=VALUE or KEY');
  });

  test("what has no equal sign may be a value by mistake, and is not shown", () => {
    expect(environmentFlagProblem("s3cret words")).toBe(
      "has white space in a variable name; write KEY=VALUE or KEY",
    );
  });

  test("a NUL character is refused, which no process could be given", () => {
    expect(environmentFlagProblem("A=\0")).toBe("has a NUL character in a value");
  });
});
