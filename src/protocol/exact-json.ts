/**
 * JSON whose numbers are written again with the digits that they came in. Ids of 64 bits are more than
 * a JavaScript number holds, and `1.0` is not an integer to every reader.
 */
declare global {
  interface JSON {
    /** Of the standard; the compiler does not know it yet. */
    rawJSON(text: string): unknown;
  }
}

/**
 * Undefined for what is no JSON, and for nesting too deep for the visit of each value. Equal to
 * JSON.parse but for numbers that would be written otherwise: JSON.stringify alone can read those.
 */
export function parseExactly(text: string): unknown {
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return undefined;
  }
}

/** A number with a point, an exponent, 16 digits or a minus before its 0: no other is ever written otherwise. */
const UNUSUAL_NUMBER = /(?:^|"\s*:|[,[])\s*(?:-0|-?(?:0|[1-9]\d*)[.eE]|-?\d{16})/;

/** False: JSON.parse reads the same, in half the time. True may be wrong, for text that looks like a number. */
export function mayChangeDigits(text: string): boolean {
  return UNUSUAL_NUMBER.test(text);
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  const changes = typeof value === "number" && source !== undefined && source !== String(value);
  return changes ? JSON.rawJSON(source) : value;
}
