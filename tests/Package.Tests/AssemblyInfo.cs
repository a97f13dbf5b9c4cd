// Licensed under the MIT License. See LICENSE in the repository root.
// Builds share folders and two processors.
[assembly: NonParallelizable]
