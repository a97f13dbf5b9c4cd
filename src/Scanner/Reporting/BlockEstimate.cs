// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>What a sample says about all blocks: unbiased, each figure with its standard error.</summary>
/// <param name="Blocks">Estimated number of blocks.</param>
/// <param name="BlocksError">Its standard error: the true number lies within twice this in about 19 of 20 cases, once
/// there are ten samples or so.</param>
/// <param name="Bytes">Estimated bytes.</param>
/// <param name="BytesError">Their standard error.</param>
/// <remarks>The estimator of Horvitz and Thompson (1952): each sampled block stands for 1 / (1 − e^(−size/interval))
/// blocks, as in pprof.</remarks>
public readonly record struct BlockEstimate(double Blocks, double BlocksError, double Bytes, double BytesError);
