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
    /** ids that the encoder has embeddings of */
    private readonly vocabulary: number,
    /** id that fills up the shorter texts of a batch; the mask hides it */
    private readonly padding: number,
  ) {}

  /** @throws UserError if tokenizer.json is missing, damaged, of a kind that the library does not know, or another model's. */
  static open(folder: string): TextInput {
    const isThere = (name: string) => existsSync(join(folder, name));
    const older = ["tokenizer.model", "vocab.json", "vocab.txt"].find(isThere);
    if (older && !isThere("tokenizer.json"))
      throw new UserError(
        `${folder} has ${older}, but no tokenizer.json: fetch that too, or write it in Python with ` +
          "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
      );
    const { path, fields } = Config.read(folder, "tokenizer.json");
    const settings = isThere("tokenizer_config.json")
      ? Config.read(folder, "tokenizer_config.json").fields
      : {};
    const config = Config.read(folder, "config.json");
    const vocabulary = config.count("vocab_size");
    const padding = config.tokenId("pad_token_id") ?? 0;
    try {
      checkModel(fields);
      const tokenizer = new Tokenizer(fields, settings);
      checkVocabulary(folder, fields, vocabulary);
      return new TextInput(folder, tokenizer, vocabulary, padding < vocabulary ? padding : 0);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(
        `${path} is no tokenizer that can be read (${(error as Error).message.split("\n")[0]}); fetch it again`,
      );
    }
  }

  /**
   * The first `limit` ids of a text, special tokens among them.
   * @throws UserError for a text that gives no token at all, or an added one that the encoder has no embedding of.
   */
  ids(text: string, limit = Infinity): number[] {
    const { ids } = this.tokenizer.encode(text);
    if (!ids.length)
      throw new UserError(`${this.folder}: the text ${JSON.stringify(text)} has no token; leave it out`);
    const read = ids.slice(0, limit);
    const beyond = read.find((id: number) => id >= this.vocabulary);
    if (beyond !== undefined)
      throw new UserError(
        `${this.folder}: the text ${JSON.stringify(shortened(text))} has the added token ` +
          `${JSON.stringify(this.tokenizer.decode([beyond]))} (${beyond}), beyond the encoder's vocabulary of ${this.vocabulary}; ` +
          "take it out of the text, or a checkpoint with that token",
      );
    return read;
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

const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/**
 * Finds another model's tokenizer before a text does. Tokens that were added later may lie beyond: many texts do without.
 * @throws UserError for one of the tokenizer's own beyond the encoder's vocabulary.
 */
function checkVocabulary(folder: string, fields: Record<string, any>, size: number): void {
  const { model, added_tokens: added = [] } = fields;
  // a list counts its tokens, a record gives their ids
  const listed = Array.isArray(model.vocab);
  const ids: number[] = listed ? [...model.vocab.keys()] : Object.values(model.vocab);
  const later = new Set<number>();
  let largest = -1;
  for (const { id, content } of added) {
    const own = listed ? undefined : model.vocab[content];
    if (own === undefined || own === id) later.add(id);
    else largest = Math.max(largest, id); // a token of the model's own, under another's id
  }
  for (const id of ids) if (!later.has(id)) largest = Math.max(largest, id);
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
