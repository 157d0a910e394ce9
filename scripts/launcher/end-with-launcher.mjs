// Loaded before Next (node --import): the web program ends with the launcher, however that ended.
if (process.connected) process.once('disconnect', () => process.exit(0));
