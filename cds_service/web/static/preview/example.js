// An invented report, to see something at once; one in each language of the page.
import { language } from "./page.js";

const texts = {
  de: `MRT der Brustwirbelsäule nativ.
Klinische Angaben: Seit drei Wochen Schmerzen unter dem linken Schulterblatt, kein Sturz.
Befund: Normale Höhe der Wirbelkörper. Diffuses Knochenmarködem im BWK 11, im STIR signalreich, die Abschlussplatten erhalten. Paravertebral beidseits zarte Imbibierung auf dieser Höhe. Keine Fraktur, kein Abszess, keine Osteolyse. Myelon unauffällig.
Beurteilung: Knochenmarködem BWK 11 mit paravertebraler Imbibierung unklarer Ursache, eine beginnende Spondylodiszitis ist möglich.`,
  en: `MRI of the thoracic spine without contrast.
Clinical details: three weeks of pain below the left shoulder blade, no fall.
Findings: Vertebral body heights are normal. Diffuse bone marrow edema of T11, bright on STIR, endplates preserved. Faint paravertebral edema on both sides at this level. No fracture, no abscess, no osteolysis. The cord is normal.
Impression: Marrow edema of T11 with paravertebral edema of unclear cause; early spondylodiscitis is possible.`,
  ro: `RMN de coloană toracală nativ.
Date clinice: de trei săptămâni dureri sub omoplatul stâng, fără cădere.
Rezultat: Înălțimea corpilor vertebrali este normală. Edem osos difuz al corpului vertebral T11, hipersemnal STIR, platouri vertebrale păstrate. Fin edem paravertebral bilateral la acest nivel. Fără fractură, fără abces, fără osteoliză. Măduva spinării este normală.
Concluzie: Edem osos T11 cu edem paravertebral de cauză neprecizată; o spondilodiscită incipientă este posibilă.`,
};

/** The body of the example. */
export function example() {
  return {
    text: texts[/** @type {keyof typeof texts} */ (language)] ?? texts.en,
    language: language in texts ? language : "en",
    patient: { age: 63, sex: "male", pregnant: null },
    history: [{ group: "DIABETES", kind: "condition" }],
  };
}
