// Reads ranges of files for the engine worker, which is busy with other things meanwhile. Every request brings the
// port on which its answer goes back: the bytes, handed over without a copy, or the reason in words. A message without
// a port asks whether this script is there at all.
onmessage = async ({ data: part, ports: [answer] }) => {
  if (!answer) return postMessage("ready");
  try {
    const bytes = await part.arrayBuffer();
    answer.postMessage(bytes, [bytes]);
  } catch (error) {
    answer.postMessage(String(error?.message ?? error));
  }
  answer.close();
};
