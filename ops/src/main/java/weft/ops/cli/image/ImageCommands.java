package weft.ops.cli.image;

import picocli.CommandLine.Command;

/// The group `weft image`.
@Command(
        name = "image",
        description = "Images that VMs boot from: pull, list.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {ImagePull.class, ImageList.class},
        footer = {"", "Example:", "  weft image pull debian-micro"})
public final class ImageCommands {}
