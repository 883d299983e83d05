import { oneOf } from "../errors.js";
import type { Task } from "./types.js";

/** The code of the paper clips loss-scaled gradients at this norm. */
const clipNorm = 1000;

const cifar100 =
  "apple,aquarium fish,baby,bear,beaver,bed,bee,beetle,bicycle,bottle,bowl,boy,bridge,bus,butterfly,camel,can,castle," +
  "caterpillar,cattle,chair,chimpanzee,clock,cloud,cockroach,couch,crab,crocodile,cup,dinosaur,dolphin,elephant,flatfish," +
  "forest,fox,girl,hamster,house,kangaroo,keyboard,lamp,lawn mower,leopard,lion,lizard,lobster,man,maple tree,motorcycle," +
  "mountain,mouse,mushroom,oak tree,orange,orchid,otter,palm tree,pear,pickup truck,pine tree,plain,plate,poppy,porcupine," +
  "possum,rabbit,raccoon,ray,road,rocket,rose,sea,seal,shark,shrew,skunk,skyscraper,snail,snake,spider,squirrel,streetcar," +
  "sunflower,sweet pepper,table,tank,telephone,television,tiger,tractor,train,trout,tulip,turtle,wardrobe,whale,willow tree," +
  "wolf,woman,worm";

/** The three tasks of the paper; losses and batches from section 1 of the paper's protocol, as its code has them. */
export const tasks: readonly Task[] = [
  {
    name: "speech",
    title: "Speech emotion",
    paper: { data: "IEMOCAP", encoder: "WavLM-Large" },
    here: { data: "RAVDESS", encoder: "wavlm-mini" },
    features: "speech.safetensors",
    classes: ["sadness", "neutral", "happiness", "anger"],
    split: "folds",
    loss: { kind: "focal", alpha: 0.25, gamma: 2.5 },
    batch: 8,
    clipNorm,
    paperRuns: ["F1", "F2", "F3", "F4", "F5"],
  },
  {
    name: "text",
    title: "News topic",
    paper: { data: "AG News", encoder: "Llama2-13B" },
    here: { data: "AG News", encoder: "llama-mini" },
    features: "text.safetensors",
    classes: ["World", "Sports", "Business", "Sci/Tech"],
    split: "runs",
    loss: { kind: "cross-entropy" },
    batch: 32,
    clipNorm,
    paperRuns: ["R1", "R2", "R3"],
  },
  {
    name: "vision",
    title: "Image class",
    paper: { data: "CIFAR-100", encoder: "BEiT-Large" },
    here: { data: "CIFAR-100", encoder: "beit-mini" },
    features: "vision.safetensors",
    classes: cifar100.split(","),
    split: "runs",
    loss: { kind: "cross-entropy" },
    batch: 32,
    clipNorm,
    paperRuns: ["R1", "R2", "R3", "R4", "R5"],
  },
];

/** @throws UserError that lists the tasks. */
export function findTask(name: string): Task {
  oneOf(
    "task",
    name,
    tasks.map((task) => task.name),
  );
  return tasks.find((task) => task.name === name)!;
}
