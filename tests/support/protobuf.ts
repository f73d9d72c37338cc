/** Reads protobuf without a schema: what came, by field number. Independent of whatever wrote it. */

export type Wire = number | bigint | Uint8Array;

export class Message {
  readonly #fields = new Map<number, Wire[]>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = view.getUint8(at++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const values = this.#fields.get(tag >> 3) ?? [];
      this.#fields.set(tag >> 3, values);
      switch (tag & 7) {
        case 0:
          values.push(varint());
          break;
        case 1:
          values.push(bytes.subarray(at, at + 8));
          at += 8;
          break;
        case 2: {
          const length = Number(varint());
          if (at + length > bytes.length) throw new Error(`field ${tag >> 3} is cut off`);
          values.push(bytes.subarray(at, at + length));
          at += length;
          break;
        }
        case 5:
          values.push(bytes.subarray(at, at + 4));
          at += 4;
          break;
        default:
          throw new Error(`no wire type ${tag & 7}`);
      }
    }
  }

  messages(field: number): Message[] {
    return this.#bytes(field).map((bytes) => new Message(bytes));
  }

  message(field: number): Message | undefined {
    return this.messages(field)[0];
  }

  text(field: number): string {
    const [bytes] = this.#bytes(field);
    return bytes === undefined ? "" : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  }

  hex(field: number): string {
    return Buffer.from(this.#bytes(field)[0] ?? []).toString("hex");
  }

  int(field: number): number {
    return Number(this.#fields.get(field)?.[0] ?? 0n);
  }

  double(field: number): number | undefined {
    const [bytes] = this.#bytes(field);
    return bytes && doubleAt(bytes, 0);
  }

  fixed64(field: number): bigint | undefined {
    const [bytes] = this.#bytes(field);
    return bytes && fixedAt(bytes, 0);
  }

  doubles(field: number): number[] {
    return this.#bytes(field).flatMap((bytes) => eights(bytes).map((at) => doubleAt(bytes, at)));
  }

  fixed64s(field: number): number[] {
    return this.#bytes(field).flatMap((bytes) => eights(bytes).map((at) => Number(fixedAt(bytes, at))));
  }

  #bytes(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? []).filter((value) => value instanceof Uint8Array);
  }
}

function eights(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length / 8 }, (_, index) => index * 8);
}

function doubleAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(at, true);
}

function fixedAt(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
}
