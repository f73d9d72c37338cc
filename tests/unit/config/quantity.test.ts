import { expect, test } from "bun:test";
import { safeParse } from "valibot";
import { quantity } from "../../../src/config/field.ts";

const TABLE: readonly [string, boolean][] = [
  ["10Gi", true],
  ["500m", true],
  ["1e3", true],
  ["1E3", true],
  ["1E", true],
  ["1e-3", true],
  ["0.5", true],
  [".5", true],
  ["1.", true],
  ["128974848", true],
  ["129M", true],
  ["123Mi", true],
  ["1k", true],
  ["", false],
  ["Gi", false],
  ["10 Gi", false],
  ["10GB", false],
  ["10gi", false],
  ["10K", false],
  ["-1Gi", false],
  ["1e", false],
  ["1.2.3", false],
  ["ten", false],
];

test.each(TABLE)("%p is a quantity: %p", (text, expected) => {
  expect(safeParse(quantity(), text).success).toBe(expected);
});
