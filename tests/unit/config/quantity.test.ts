import { expect, test } from "bun:test";
import { parseQuantity } from "../../../src/config/quantity.ts";

const TABLE: readonly [string, number | null][] = [
  ["10Gi", 10 * 2 ** 30],
  ["500m", 0.5],
  ["1e3", 1000],
  ["1E3", 1000],
  ["1E", 1e18],
  ["1e-3", 0.001],
  ["0.5", 0.5],
  [".5", 0.5],
  ["1.", 1],
  ["128974848", 128974848],
  ["129M", 129e6],
  ["123Mi", 123 * 2 ** 20],
  ["1k", 1000],
  ["", null],
  ["Gi", null],
  ["10 Gi", null],
  ["10GB", null],
  ["10gi", null],
  ["10K", null],
  ["-1Gi", null],
  ["1e", null],
  ["1.2.3", null],
  ["ten", null],
];

test.each(TABLE)("the quantity %p is %p", (text, amount) => {
  if (amount === null) expect(parseQuantity(text)).toBeNull();
  else expect(parseQuantity(text)).toBeCloseTo(amount, 9);
});
