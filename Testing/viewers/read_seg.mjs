// node read_seg.mjs STUDY SEG OUTPUT: the labels of a segmentation as Cornerstone (OHIF) reads them, slices along the normal.
import fs from "fs";
import path from "path";
import dcmjs from "dcmjs";
import { generateToolState } from "@cornerstonejs/adapters/cornerstone/Segmentation_4X";

const [, , study, segmentation, output] = process.argv;
const list = (value) => (value === undefined ? [] : [].concat(value));
const numbers = (value) => list(value).map(Number);

function bytes(file) {
  const content = fs.readFileSync(file);
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
}

function read(file) {
  return dcmjs.data.DicomMetaDictionary.naturalizeDataset(dcmjs.data.DicomMessage.readFile(bytes(file)).dict);
}

// one entry for each frame of each source, by the identifiers that viewers give them
const frames = {};
for (const name of fs.readdirSync(study)) {
  const image = read(path.join(study, name));
  const groups = list(image.PerFrameFunctionalGroupsSequence);
  const shared = list(image.SharedFunctionalGroupsSequence)[0];
  if (!groups.length) {
    const position = numbers(image.ImagePositionPatient);
    frames[`mem:${image.SOPInstanceUID}`] = { image, position, orientation: numbers(image.ImageOrientationPatient) };
  }
  groups.forEach((group, index) => {
    frames[`wadors:${image.SOPInstanceUID}/frames/${index + 1}`] = {
      image,
      position: numbers(list(group.PlanePositionSequence)[0].ImagePositionPatient),
      orientation: numbers(list(shared.PlaneOrientationSequence)[0].ImageOrientationPatient),
    };
  });
}

const used = new Set();
for (const group of list(read(segmentation).PerFrameFunctionalGroupsSequence)) {
  const source = list(list(group.DerivationImageSequence)[0].SourceImageSequence)[0];
  const uid = source.ReferencedSOPInstanceUID;
  const frame = source.ReferencedFrameNumber;
  used.add(frame === undefined ? `mem:${uid}` : `wadors:${uid}/frames/${frame}`);
}
const [x, y] = [frames[[...used][0]].orientation.slice(0, 3), frames[[...used][0]].orientation.slice(3)];
const normal = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
const height = (id) => frames[id].position.reduce((sum, value, axis) => sum + value * normal[axis], 0);
const ids = [...used].sort((one, other) => height(one) - height(other));

const metadata = {
  get(kind, id) {
    const { image, position, orientation } = frames[id];
    return {
      imagePlaneModule: {
        rowCosines: orientation.slice(0, 3), columnCosines: orientation.slice(3), imagePositionPatient: position,
        rows: image.Rows, columns: image.Columns,
      },
      generalImageModule: { sopInstanceUID: image.SOPInstanceUID },
      generalSeriesModule: { seriesInstanceUID: image.SeriesInstanceUID },
      instance: { ...image, ImagePositionPatient: position, ImageOrientationPatient: orientation },
    }[kind];
  },
};
const { labelmapBufferArray } = await generateToolState(ids, bytes(segmentation), metadata, { tolerance: 1e-3 });
if (labelmapBufferArray.length !== 1) throw new Error("the segments overlap");
fs.writeFileSync(output, Buffer.from(labelmapBufferArray[0]));
