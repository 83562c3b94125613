"""A bot on nextcord, py-cord or disnake, run in an environment that has that library alone.

python other_library_bot.py LIBRARY API_URL GATEWAY_URL TOKEN FOLDER…
"""

import asyncio
import importlib
import sys

library, api_url, gateway_url, token = sys.argv[1:5]
package = {"py-cord": "discord"}.get(library, library)
discord = importlib.import_module(package)
http = importlib.import_module(f"{package}.http")
gateway = importlib.import_module(f"{package}.gateway")
commands = importlib.import_module(f"{package}.ext.commands")

http.Route.BASE = http.Route.API_BASE_URL = api_url
if hasattr(gateway.DiscordWebSocket, "DEFAULT_GATEWAY"):
    yarl = importlib.import_module("yarl")
    gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)

sys.path[:0] = sys.argv[5:]  # where the core and the guide's example are
progress_message = importlib.import_module("progress_message")
core = importlib.import_module("similubot_core")

intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot(command_prefix="!", intents=intents)


@bot.command()
async def hello(ctx):  # type: ignore[no-untyped-def]
    message = await ctx.send("hello")
    await message.edit(content="hello, edited")


@bot.command()
async def copy(ctx):  # type: ignore[no-untyped-def]
    message = await ctx.send("copy")
    tracker = core.CountingTracker("Copy", unit="files")
    progress_message.show_in(message, tracker)
    for number in range(3):
        tracker.update(current_size=number, total_size=3)
        await asyncio.sleep(0)
    tracker.complete()


async def ping(interaction):  # type: ignore[no-untyped-def]
    await (interaction.respond if library == "py-cord" else interaction.send)("pong")


bot.slash_command(name="ping", description="answers")(ping)
bot.run(token)
