import { existsSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { UserError } from "../errors.js";
import type { EncoderInput } from "./architecture.js";
import { Config } from "./config.js";

/** Texts → token ids, as a folder's tokenizer.json says (special tokens such as `<s>` included). */
export class TextInput {
  private constructor(
    readonly folder: string,
    private readonly tokenizer: Tokenizer,
    /** id that fills up the shorter texts of a batch; the mask hides it */
    private readonly padding: number,
  ) {}

  /** @throws UserError if tokenizer.json is missing, damaged, of a kind that the library does not know, or another model's. */
  static open(folder: string): TextInput {
    const { path, fields } = Config.read(folder, "tokenizer.json");
    const hasSettings = existsSync(join(folder, "tokenizer_config.json"));
    const settings = hasSettings ? Config.read(folder, "tokenizer_config.json").fields : {};
    const config = Config.read(folder, "config.json");
    const padding = config.tokenId("pad_token_id") ?? 0;
    try {
      checkModel(fields);
      const text = new TextInput(folder, new Tokenizer(fields, settings), padding);
      checkVocabulary(folder, fields, config.count("vocab_size"));
      return text;
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(
        `${path} is no tokenizer that can be read (${(error as Error).message.split("\n")[0]}); fetch it again`,
      );
    }
  }

  /**
   * The first `limit` ids of a text, special tokens among them.
   * @throws UserError for a text that gives no token at all.
   */
  ids(text: string, limit = Infinity): number[] {
    const { ids } = this.tokenizer.encode(text);
    if (!ids.length)
      throw new UserError(`${this.folder}: the text ${JSON.stringify(text)} has no token; leave it out`);
    return ids.slice(0, limit);
  }

  /** Ids [texts, longest] and, where lengths differ, the mask of what is no padding; padding stands on the right. */
  prepare(texts: readonly string[], limit?: number): EncoderInput {
    return padIds(texts.map((text) => this.ids(text, limit)), this.padding); // prettier-ignore
  }
}

/** The tokenizers that the library implements; of any other name it guesses by the fields. */
const models = ["BPE", "Unigram", "WordPiece"];

function checkModel({ model }: Record<string, any>): void {
  if (model?.type !== undefined && !models.includes(model.type))
    throw new Error(`a model of type ${JSON.stringify(model.type)}, not ${models.join(", ")}`);
}

/** Finds another model's tokenizer before a text does. @throws UserError for a token beyond the encoder's vocabulary. */
function checkVocabulary(folder: string, fields: Record<string, any>, size: number): void {
  const { model, added_tokens: added = [] } = fields;
  // a list counts its tokens, a record gives their ids
  let largest = Array.isArray(model.vocab) ? model.vocab.length - 1 : -1;
  if (!Array.isArray(model.vocab))
    for (const id of Object.values<number>(model.vocab)) largest = Math.max(largest, id);
  for (const { id } of added) largest = Math.max(largest, id);
  if (!(largest < size))
    throw new UserError(
      `${folder}: tokenizer.json goes up to token ${largest}, config.json has a vocabulary of ${size}: ` +
        "the tokenizer is another model's; take the tokenizer.json of this checkpoint",
    );
}

/** Rows of ids → [rows, longest], padded on the right, with a mask where that was needed. */
export function padIds(rows: readonly (readonly number[])[], padding = 0): EncoderInput {
  const tokens = Math.max(...rows.map((row) => row.length));
  const shape = [rows.length, tokens];
  const values = new Int32Array(rows.length * tokens).fill(padding);
  const mask = new Int32Array(rows.length * tokens);
  for (const [i, row] of rows.entries()) {
    values.set(row, i * tokens);
    mask.fill(1, i * tokens, i * tokens + row.length);
  }
  const input: EncoderInput = { values: { shape, dtype: "int32", data: values } };
  if (mask.includes(0)) input.mask = { shape, dtype: "int32", data: mask };
  return input;
}
