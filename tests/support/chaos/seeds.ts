/** Which campaigns are run: a few that are always the same, or as many others as somebody asks for. */

/** OZ_CHAOS_SEEDS: `7,12` names seeds, `100+50` is fifty of them from 100 on. */
export function seedsFrom(asked: string | undefined, usual: readonly number[]): readonly number[] {
  if (asked === undefined || asked === "") return usual;
  return asked.split(",").flatMap((part) => {
    const [first, count = 1] = part.split("+").map(Number);
    if (first === undefined || !Number.isInteger(first) || !Number.isInteger(count) || first < 0)
      throw new Error(`OZ_CHAOS_SEEDS is "${asked}": write seeds as 7,12 or as 100+50`);
    return Array.from({ length: count }, (_, at) => first + at);
  });
}
