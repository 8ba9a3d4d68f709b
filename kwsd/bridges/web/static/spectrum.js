// The sound as a picture that moves to the left, as the daemon tells it: 512 columns are the last ten seconds.

import { $ } from "./dom.js";

const canvas = $("spectrum");
const context = canvas.getContext("2d", { alpha: false });
const dark = matchMedia("(prefers-color-scheme: dark)");
const PALETTES = {
  light: [[235, 232, 224], [182, 212, 205], [62, 140, 130], [17, 60, 58]],
  dark: [[42, 50, 54], [33, 74, 70], [88, 178, 165], [232, 250, 240]],
};

let table = [];

/** Colours of the 256 brightnesses, for the scheme in force. */
function paint() {
  const stops = PALETTES[dark.matches ? "dark" : "light"];
  table = Array.from({ length: 256 }, (_, value) => {
    const place = Math.min(stops.length - 1.001, (value / 255) * (stops.length - 1));
    const [from, to] = [stops[Math.floor(place)], stops[Math.floor(place) + 1]];
    return from.map((part, index) => part + (to[index] - part) * (place % 1));
  });
  context.fillStyle = `rgb(${table[0]})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

/** Add what was heard last. */
export function draw(told) {
  const bytes = atob(told.picture);
  const columns = bytes.length / told.bands;
  const image = context.createImageData(columns, told.bands);
  for (let at = 0; at < bytes.length; at += 1) {
    const row = told.bands - 1 - (at % told.bands);
    image.data.set([...table[bytes.charCodeAt(at)], 255], 4 * (row * columns + Math.floor(at / told.bands)));
  }
  context.drawImage(canvas, -columns, 0);
  context.putImageData(image, canvas.width - columns, canvas.height - told.bands);
}

dark.addEventListener("change", paint);
paint();
